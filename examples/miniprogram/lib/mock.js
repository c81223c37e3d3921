// What WeChat would give, made by the mock's control API: in development, and nowhere else.
//
// A phone's own encryptedData is sealed under a key that WeChat made. The mock has another one, so it can only open what it
// sealed itself.

const { mock } = require('../config')
const { promised } = require('./wechat')

/** A well-formed key that no login ever gave. */
const NOBODYS = 'bm8gbG9naW4gZ2F2ZSBpdA=='

/** Whether this is a developer's build with a mock to ask. */
function isHere() {
  return Boolean(mock) && wx.getAccountInfoSync().miniProgram.envVersion === 'develop'
}

async function order(what, data) {
  const url = `${mock}/mock/${what}`
  const answer = await promised('request', { url, method: 'POST', data }).catch(() => ({}))
  if (answer.statusCode !== 200) throw new Error('模拟的微信没有回答：请先运行 wxgate demo')
  return answer.data
}

/** What a tap on the phone button gives: a `code`, `encrypted` data, or data under a key that is `stale`. */
async function tap(way) {
  const proof = {
    code: () => order('phone-code', {}),
    encrypted: () => order('open-data', { kind: 'phone' }),
    stale: () => order('open-data', { kind: 'phone', key: NOBODYS }),
  }
  return { detail: { errMsg: 'getPhoneNumber:ok', ...(await proof[way]()) } }
}

/** What `wx.getUserInfo` gives. */
async function userInfo() {
  const signed = await order('signed-data', {})
  return { errMsg: 'getUserInfo:ok', ...signed, ...(await order('open-data', { kind: 'profile' })) }
}

module.exports = { isHere, tap, userInfo }
