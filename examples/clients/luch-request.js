// luch-request behind the gateway: signs in when it is asked to, once however many calls wait, and repeats what was refused.

import Request from 'luch-request'

const BASE = 'https://api.example.com'

const http = new Request({ baseURL: BASE })

const credential = () => {
  const token = uni.getStorageSync('token')
  return token ? 'Bearer ' + token : ''
}

let signingIn = null
function signIn(spent) {
  if (credential() !== spent) return Promise.resolve()      // somebody else has, meanwhile
  const over = () => { signingIn = null }
  if (!signingIn) {
    signingIn = new Promise((success, fail) => uni.login({ success, fail }))
      .then(({ code }) => new Request().post(BASE + '/wxgate/login', { code }))
      .then(({ data }) => uni.setStorageSync('token', data.token))
    signingIn.then(over, over)
  }
  return signingIn
}

http.interceptors.request.use((config) => {
  config.header = { ...config.header, Authorization: credential() }
  return config
})

http.interceptors.response.use((response) => response, async (response) => {
  const { config, data, header = {} } = response
  // With this header the gateway says that your service has seen nothing: a POST may be sent again too.
  const refused = Object.keys(header).some((name) => name.toLowerCase() === 'x-wxgate-refusal')
  if (!refused || data.action !== 'login' || config.custom.isSecond) throw response
  await signIn(config.header.Authorization)
  return http.request({ ...config, custom: { ...config.custom, isSecond: true } })
})

export default http
