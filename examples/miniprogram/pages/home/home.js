// Who is signed in, and the way to everything else.

const client = require('../../lib/client')
const { show } = require('../../lib/show')

const DAY = 24 * 60 * 60

Component({
  data: {
    /** `waiting`, `in`, `out` or `failed`. */
    state: 'waiting',
    failure: '',
    appid: '',
    phone: false,
    days: 0,
    pages: [
      { url: '/pages/phone/phone', name: '手机号', about: '一键授权，拒绝、过期、断网都有说法' },
      { url: '/pages/profile/profile', name: '头像昵称', about: '现在的填写方式，和旧版基础库的授权方式' },
      { url: '/pages/service/service', name: '调用服务', about: '请求、上传、WebSocket，服务知道是谁' },
    ],
  },

  methods: {
    onShow() {
      if (this.data.state !== 'out') return this.refresh()
    },

    /** Any call signs in where nobody is; this one also says what the gateway knows. */
    async refresh() {
      try {
        const { data } = await client.request({ url: '/wxgate/session' })
        this.setData({ state: 'in', appid: data.appid, phone: data.phone, days: Math.ceil(data.expires_in / DAY) })
      } catch (error) {
        this.setData({ state: 'failed', failure: error.message })
      }
    },

    onRetry() {
      this.setData({ state: 'waiting' })
      return this.refresh()
    },

    async onSignOut() {
      try {
        await client.request({ url: '/wxgate/logout', method: 'POST' })
        this.setData({ state: 'out' })
      } catch (error) {
        show(error)
      }
    },
  },
})
