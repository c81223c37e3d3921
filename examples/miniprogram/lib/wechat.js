// WeChat's API as promises, also where the base library gives none.

/** Calls `wx[api]`; gives what `success` is told. */
function promised(api, options) {
  return new Promise((success, fail) => wx[api]({ ...options, success, fail }))
}

module.exports = { promised }
