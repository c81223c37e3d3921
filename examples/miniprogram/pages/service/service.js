// Calls to a service that knows nothing of WeChat: a request, an upload, a socket.

const client = require('../../lib/client')
const { show, toast } = require('../../lib/show')
const { promised } = require('../../lib/wechat')

/** WebSocket's codes, as far as the gateway says something by them. */
const CLOSED = {
  1000: '连接已断开',
  1001: '服务正在重启，请重新连接',
  1008: '登录已失效，重新连接就会再登录',
}

/** Messages that are kept in sight. */
const KEPT = 5

Component({
  data: {
    asking: false,
    /** What the service was told of the user: `{ name, value }` of each header. */
    told: [],
    uploading: false,
    uploaded: '',
    /** `closed`, `opening` or `open`. */
    socket: 'closed',
    closed: '',
    messages: [],
  },

  lifetimes: {
    detached() {
      if (this.task) this.task.close({ code: 1000 })
    },
  },

  methods: {
    async onCall(event) {
      this.setData({ asking: true, told: [] })
      try {
        const { data, statusCode } = await client.request({ url: event.currentTarget.dataset.url })
        // Any status of the service's own is an answer.
        if (statusCode !== 200) return toast('服务暂时不可用，请稍后再试')
        this.setData({ told: identity(data) })
      } catch (error) {
        if (error.action === 'phone') wx.navigateTo({ url: '/pages/phone/phone?wanted=1' })
        else show(error)
      } finally {
        this.setData({ asking: false })
      }
    },

    async onUpload() {
      this.setData({ uploading: true, uploaded: '' })
      try {
        const { tempFiles } = await promised('chooseMedia', { count: 1, mediaType: ['image'] })
        const { tempFilePath } = tempFiles[0]
        const { statusCode } = await client.uploadFile({ url: '/photos', filePath: tempFilePath, name: 'photo' })
        if (statusCode !== 200) return toast('没有上传成功，请稍后再试')
        this.setData({ uploaded: '已上传' })
      } catch (error) {
        show(error)
      } finally {
        this.setData({ uploading: false })
      }
    },

    async onConnect() {
      this.setData({ socket: 'opening', closed: '', messages: [] })
      try {
        const task = await client.connectSocket({ url: '/live' })
        this.task = task
        task.onOpen(() => this.setData({ socket: 'open' }))
        task.onMessage(({ data }) => this.hear(data))
        task.onError(() => this.onClosed('连接失败，请重试'))
        task.onClose(({ code }) => this.onClosed(CLOSED[code] || '连接断开了，请重新连接'))
      } catch (error) {
        this.onClosed('')
        show(error)
      }
    },

    onSay({ detail: { value } }) {
      const text = value.text.trim()
      if (text) this.task.send({ data: text })
    },

    onDisconnect() {
      this.task.close({ code: 1000 })
    },

    onClosed(closed) {
      this.task = null
      this.setData({ socket: 'closed', closed })
    },

    hear(text) {
      this.setData({ messages: [...this.data.messages, text].slice(-KEPT) })
    },
  },
})

/** The headers that the gateway wrote, out of the echo of `wxgate demo`. */
function identity({ headers = {} }) {
  const names = Object.keys(headers).filter((name) => name.startsWith('x-wx-'))
  return names.map((name) => ({ name: name.toUpperCase(), value: headers[name] }))
}
