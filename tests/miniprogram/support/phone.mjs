// What a phone has besides the network: its dialogs, its settings, and a person who answers them.

import { fakeWx } from '../../../client/test/support/wx.mjs';

/** All that base libraries of today know. */
const TODAY = ['button.open-type.chooseAvatar', 'button.open-type.getUserInfo'];

/** A phone with the network of `world`; `can` is what its base library knows, `build` the mini-program's. */
export function phoneOf(world, { can = TODAY, build = 'develop', scopes = {}, userInfo, contract = '' } = {}) {
  const phone = fakeWx(world);
  const { setStorageSync, request } = phone;
  /** Answers later, as WeChat does. */
  const answers = (api, tell) => (options) => {
    phone.calls.push({ api, ...options });
    setImmediate(() => {
      try {
        const told = { errMsg: `${api}:ok`, ...tell(options) };
        options.success?.(told);
      } catch (why) {
        options.fail?.(why);
      }
    });
  };
  return Object.assign(phone, {
    toasts: [],
    modals: [],
    went: [],
    /** Everything that was put into storage, or came as an answer. */
    kept: [],
    showToast: (options) => void phone.toasts.push(options),
    showModal: (options) => void phone.modals.push(options),
    navigateTo: ({ url }) => void phone.went.push(url),
    canIUse: (what) => can.includes(what),
    getAccountInfoSync: () => ({ miniProgram: { appId: 'wx0123456789abcdef', envVersion: build } }),
    getSetting: answers('getSetting', () => ({ authSetting: scopes })),
    getUserInfo: answers('getUserInfo', () => userInfo()),
    chooseMedia: answers('chooseMedia', () => ({ tempFiles: [{ tempFilePath: phone.photo }] })),
    getPrivacySetting: answers('getPrivacySetting', () => ({ needAuthorization: Boolean(contract), privacyContractName: contract })),
    onNeedPrivacyAuthorization: (listener) => void (phone.needsPrivacy = listener),
    openPrivacyContract: () => {},
    setStorageSync(key, data) {
      phone.kept.push(JSON.stringify(data));
      setStorageSync(key, data);
    },
    request: (options) =>
      request({
        ...options,
        success(answer) {
          phone.kept.push(JSON.stringify(answer));
          options.success(answer);
        },
      }),
  });
}
