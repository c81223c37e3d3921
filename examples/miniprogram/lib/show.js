// Errors, as the person who holds the phone should see them: in words, with no code in sight but one to quote.

const SECONDS = 5

/** Words without an icon, which leaves room for two lines of them. */
function toast(title) {
  wx.showToast({ title, icon: 'none', duration: SECONDS * 1000 })
}

/** Shows what a call was rejected with. */
function show(error) {
  const { action, code, detail, errMsg, errno, message, requestId, retryAfter } = error
  // For the developer. Neither the gateway nor its client puts a secret into these.
  console.warn(code || errMsg || message, requestId || '', detail || '')
  if (!action) return ofWeChat(errMsg, errno, message)
  if (action === 'fix' || action === 'stop') {
    // Trying again changes nothing, so this one stays until it is read.
    const content = requestId ? `${message}\n问题编号：${requestId}` : message
    return wx.showModal({ title: '提示', content, showCancel: false, confirmText: '知道了' })
  }
  if (action === 'wait' && retryAfter) return toast(`操作太频繁，请 ${retryAfter} 秒后再试`)
  toast(message)
}

/** What an API of WeChat's own failed with. Who cancelled knows it. */
function ofWeChat(errMsg, errno, message) {
  if (errno === 104) return toast('请先同意隐私保护指引')
  if (!/cancel/.test(errMsg)) toast(errMsg ? '没有成功，请再试一次' : message)
}

module.exports = { show, toast }
