// Picture and name: filled in by the user today, granted at once on base libraries from before.

const client = require('../../lib/client')
const mock = require('../../lib/mock')
const { show, toast } = require('../../lib/show')
const { promised } = require('../../lib/wechat')

Component({
  data: {
    /** `today` or `before`. */
    way: 'today',
    /** Whether this WeChat knows either way at all. */
    known: true,
    avatar: '',
    saving: false,
    saved: '',
    profile: null,
    development: false,
  },

  lifetimes: {
    attached() {
      // WeChat: chooseAvatar came with base library 2.21.2.
      const today = wx.canIUse('button.open-type.chooseAvatar')
      const known = today || wx.canIUse('button.open-type.getUserInfo')
      this.setData({ way: today ? 'today' : 'before', known, development: mock.isHere() })
      if (known && !today) return this.look()
    },
  },

  methods: {
    onWay(event) {
      const { way } = event.currentTarget.dataset
      this.setData({ way })
      if (way === 'before') return this.look()
    },

    // Today: nothing is encrypted, and nothing is proved. Never tell people apart by it.

    onChooseAvatar({ detail: { avatarUrl } }) {
      // A temporary file on this phone.
      this.setData({ avatar: avatarUrl })
    },

    /** WeChat looks at names itself, and empties the field where it does not like one. */
    onReview({ detail: { pass, timeout } }) {
      if (!pass && !timeout) toast('这个昵称不能用，请换一个')
    },

    async onSave({ detail: { value } }) {
      const nickname = value.nickname.trim()
      const { avatar } = this.data
      if (!avatar) return toast('请选择头像')
      if (!nickname) return toast('请填写昵称')
      this.setData({ saving: true })
      try {
        // The service knows whose it is: the gateway says so in X-WX-OPENID.
        const { statusCode } = await client.uploadFile({ url: '/profile', filePath: avatar, name: 'avatar', formData: { nickname } })
        if (statusCode !== 200) return toast('没有保存成功，请稍后再试')
        this.setData({ saved: nickname })
        toast('已保存')
      } catch (error) {
        show(error)
      } finally {
        this.setData({ saving: false })
      }
    },

    // Before: signed and encrypted by WeChat, verified by the gateway.

    /** Who has agreed already is not asked again. */
    async look() {
      try {
        // Signs in first: what comes now is signed with the key of that login.
        await client.request({ url: '/wxgate/session' })
        const { authSetting } = await promised('getSetting', {})
        if (authSetting['scope.userInfo']) await this.verify(await promised('getUserInfo', { withCredentials: true, lang: 'zh_CN' }))
      } catch (error) {
        show(error)
      }
    },

    onUserInfo({ detail }) {
      if (!/:ok$/.test(detail.errMsg)) return toast('需要您的授权才能显示头像和昵称')
      return this.verify(detail)
    },

    async verify(data) {
      try {
        this.setData({ profile: await client.profile(data) })
      } catch (error) {
        show(error)
      }
    },

    /** In development: what the mock signed and sealed, for it cannot vouch for WeChat's. */
    async onPretend() {
      try {
        await this.verify(await mock.userInfo())
      } catch (error) {
        show(error)
      }
    },
  },
})
