// The phone button: hands its tap to the gateway, and says what went wrong. Events: `phone`, `failure`.

const client = require('../../lib/client')
const { show } = require('../../lib/show')

Component({
  options: { styleIsolation: 'apply-shared' },

  properties: {
    text: { type: String, value: '手机号快捷登录' },
    /** WeChat then sends the user a message to check that the number is in use. It costs more. */
    realtime: Boolean,
  },

  data: {
    asking: false,
    /** The answer did not come, and may be asked for again. */
    lost: false,
    /** The name of the privacy terms, until the user has agreed to them. */
    contract: '',
  },

  lifetimes: {
    attached() {
      // Before base library 2.32.3 nobody asks.
      if (!wx.getPrivacySetting) return
      wx.getPrivacySetting({
        success: ({ needAuthorization, privacyContractName }) => {
          this.setData({ contract: needAuthorization ? privacyContractName : '' })
        },
      })
    },
  },

  methods: {
    onPhone(event) {
      this.event = event
      return this.send()
    },

    /** The same tap once more: the gateway keeps what it was told, and WeChat is not paid twice. */
    onRetry() {
      return this.send()
    },

    async send() {
      this.setData({ asking: true, lost: false })
      try {
        const phone = await client.phone(this.event)
        this.triggerEvent('phone', phone)
      } catch (error) {
        show(error)
        this.setData({ lost: error.action === 'retry' })
        this.triggerEvent('failure', { action: error.action, code: error.code, message: error.message })
      } finally {
        this.setData({ asking: false })
      }
    },

    onAgree() {
      this.setData({ contract: '' })
    },

    onContract() {
      wx.openPrivacyContract({})
    },
  },
})
