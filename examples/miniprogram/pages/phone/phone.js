// The phone number: the button, what came of it, and what to do where it has to be tapped again.

const client = require('../../lib/client')
const mock = require('../../lib/mock')
const { show } = require('../../lib/show')

Component({
  properties: {
    /** From the page's address: a call could not go on without the number. */
    wanted: String,
  },

  data: {
    ready: false,
    number: '',
    bound: false,
    /** The tap's data was encrypted under a key that is gone. */
    tapAgain: false,
    development: false,
  },

  lifetimes: {
    async attached() {
      this.setData({ development: mock.isHere() })
      try {
        // Signs in before the button is tapped, so that its data is encrypted under a key that the gateway knows.
        const { data } = await client.request({ url: '/wxgate/session' })
        this.setData({ bound: data.phone })
      } catch (error) {
        show(error)
      }
      this.setData({ ready: true })
    },
  },

  methods: {
    onPhone({ detail: { phoneNumber, purePhoneNumber, countryCode } }) {
      const number = countryCode === '86' ? purePhoneNumber : phoneNumber
      this.setData({ number, bound: true, tapAgain: false })
    },

    onFailure({ detail: { action } }) {
      this.setData({ tapAgain: action === 'login_then_tap' })
    },

    /** In development: a tap with what the mock made takes the same way as one with what WeChat made. */
    async onPretend(event) {
      try {
        const tap = await mock.tap(event.currentTarget.dataset.way)
        await this.selectComponent('#phone').onPhone(tap)
      } catch (error) {
        show(error)
      }
    },
  },
})
