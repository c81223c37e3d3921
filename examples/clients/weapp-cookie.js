// weapp-cookie behind the gateway, which has `[session] cookie = "wxgate"`: the token comes and goes as a cookie, and
// wx.request carries it as it stands. What is left to do is to sign in.

require('weapp-cookie')

const BASE = 'https://api.example.com'

const send = (options) => new Promise((success, fail) => wx.request({ ...options, url: BASE + options.url, success, fail }))

let signingIn = null
let logins = 0
function signIn(before) {
  if (logins !== before) return Promise.resolve()      // somebody else has, meanwhile
  const over = () => { signingIn = null }
  if (!signingIn) {
    signingIn = new Promise((success, fail) => wx.login({ success, fail }))
      .then(({ code }) => send({ url: '/wxgate/login', method: 'POST', data: { code } }))
      .then(({ statusCode, data }) => { if (statusCode !== 200) throw data; logins += 1 })
    signingIn.then(over, over)
  }
  return signingIn
}

async function request(options) {
  const before = logins
  const answer = await send(options)
  // With this header the gateway says that your service has seen nothing: a POST may be sent again too.
  const refused = Object.keys(answer.header).some((name) => name.toLowerCase() === 'x-wxgate-refusal')
  if (!refused || answer.data.action !== 'login') return answer
  await signIn(before)
  return send(options)
}

module.exports = { request }
