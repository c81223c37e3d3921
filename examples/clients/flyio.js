// flyio behind the gateway: signs in when it is asked to, once however many calls wait, and repeats what was refused.

const Fly = require('flyio/dist/npm/wx')

const BASE = 'https://api.example.com'

const fly = new Fly()
fly.config.baseURL = BASE

const credential = () => {
  const token = wx.getStorageSync('token')
  return token ? 'Bearer ' + token : ''
}

let signingIn = null
function signIn(spent) {
  if (credential() !== spent) return Promise.resolve()      // somebody else has, meanwhile
  const over = () => { signingIn = null }
  if (!signingIn) {
    signingIn = new Promise((success, fail) => wx.login({ success, fail }))
      .then(({ code }) => new Fly().post(BASE + '/wxgate/login', { code }))
      .then(({ data }) => wx.setStorageSync('token', data.token))
    signingIn.then(over, over)
  }
  return signingIn
}

fly.interceptors.request.use((request) => {
  request.headers.Authorization = credential()
  return request
})

fly.interceptors.response.use(null, (error) => {
  const { request, response } = error
  const { data, headers } = response || {}
  // With this header the gateway says that your service has seen nothing: a POST may be sent again too.
  const refused = headers && headers['x-wxgate-refusal']
  if (!refused || !data || data.action !== 'login' || request.isSecond) return error
  return signIn(request.headers.Authorization)
    .then(() => fly.request(request.url, request.body, { method: request.method, params: request.params, isSecond: true }))
})

module.exports = fly
