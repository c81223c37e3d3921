// The privacy agreement, shown when WeChat needs it: what asked for it goes on after the answer.

/** WeChat looks for the button of this id. */
const BUTTON = 'agree'

Component({
  options: { styleIsolation: 'apply-shared' },

  data: { shown: false, contract: '' },

  lifetimes: {
    attached() {
      this.listen()
    },
  },

  pageLifetimes: {
    // There is one listener in all the mini-program, so the page in sight takes it over.
    show() {
      this.listen()
    },
  },

  methods: {
    listen() {
      // Before base library 2.32.3 nobody asks.
      if (!wx.onNeedPrivacyAuthorization) return
      wx.onNeedPrivacyAuthorization((resolve) => {
        this.resolve = resolve
        this.setData({ shown: true })
        resolve({ event: 'exposureAuthorization' })
        wx.getPrivacySetting({ success: ({ privacyContractName }) => this.setData({ contract: privacyContractName }) })
      })
    },

    onAgree() {
      this.answer({ event: 'agree', buttonId: BUTTON })
    },

    onDisagree() {
      this.answer({ event: 'disagree' })
    },

    onContract() {
      wx.openPrivacyContract({})
    },

    answer(answer) {
      this.setData({ shown: false })
      this.resolve(answer)
    },
  },
})
