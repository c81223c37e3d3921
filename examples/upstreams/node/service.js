// A service behind wxgate, in Node: who calls, by the headers or by the signed assertion.
'use strict'
const { createServer } = require('node:http')
const { createRemoteJWKSet, errors, jwtVerify } = require('jose') // npm install jose

// Asked once, and again for a key that it has not seen.
const keys = createRemoteJWKSet(new URL(`${process.env.GATEWAY}/wxgate/jwks.json`))

// Who calls, where nobody but the gateway can reach this service.
function byHeaders(headers) {
  const openid = headers['x-wx-openid'] // absent: nobody is signed in
  return openid && { openid, phone: headers['x-wx-phone'] ?? null }
}

// Who calls, as the gateway has signed it: nothing else of the request is believed.
async function byAssertion(headers, audience) {
  const rules = { issuer: 'wxgate', audience, algorithms: ['ES256', 'EdDSA'], requiredClaims: ['exp', 'iat', 'sub'] }
  try {
    const { payload } = await jwtVerify(headers['x-wx-assertion'] ?? '', keys, rules)
    return { openid: payload.sub, phone: payload.phone ?? null }
  } catch (error) {
    if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) return null
    throw error // the keys cannot be had: that is not the caller's fault
  }
}

async function answer(request, response) {
  let status = 503
  let body = { error: 'no keys' }
  try {
    const { url, headers } = request
    const caller = url === '/headers' ? byHeaders(headers) : await byAssertion(headers, audience)
    ;[status, body] = caller ? [200, caller] : [401, { error: 'sign in' }]
  } catch (error) {
    console.error(error)
  }
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}

let audience
const server = createServer(answer)
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  const address = `http://127.0.0.1:${server.address().port}`
  audience = process.env.AUDIENCE ?? address // `to` of the route in gateway.toml, without a path
  console.log('listening', address)
})
