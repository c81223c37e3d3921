// What the person who holds the phone is told: by code where that says more, else by action.

import type { WxgateError } from './error.js';

const WORDS: Record<'zh' | 'en', Record<string, string>> = {
  zh: {
    login: '登录已失效，请再试一次',
    login_then_tap: '登录已更新，请再点一次',
    tap_again: '没有成功，请再点一次',
    phone: '请绑定手机号',
    wait: '操作太频繁，请稍后再试',
    retry: '服务繁忙，请稍后再试',
    fix: '出了点问题，请联系客服',
    stop: '暂时无法使用，请联系客服',
    phone_refused: '请绑定手机号',
    privacy_not_agreed: '请先同意隐私保护指引，再点一次',
    phone_quota_exhausted: '暂时无法获取手机号',
    phone_not_permitted: '暂时无法获取手机号',
    network_failed: '网络不给力，请检查后重试',
    login_failed: '登录没有成功，请稍后再试',
    body_too_large: '内容太大，无法上传',
  },
  en: {
    login: 'You have been signed out, please try again',
    login_then_tap: 'You are signed in again, please tap once more',
    tap_again: 'That did not work, please tap once more',
    phone: 'Please share your phone number',
    wait: 'Too many tries, please wait a moment',
    retry: 'The service is busy, please try again later',
    fix: 'Something is wrong here, please contact us',
    stop: 'This is not available, please contact us',
    phone_refused: 'Please share your phone number',
    privacy_not_agreed: 'Please agree to the privacy terms, then tap once more',
    phone_quota_exhausted: 'The phone number cannot be fetched right now',
    phone_not_permitted: 'The phone number cannot be fetched right now',
    network_failed: 'No network, please check it and try again',
    login_failed: 'Signing in did not work, please try again later',
    body_too_large: 'This is too large to send',
  },
};

/** In Chinese, but for a language that begins with `en`. */
export function message({ code, action }: WxgateError, language: string): string {
  const words = WORDS[/^en/i.test(language) ? 'en' : 'zh'];
  return words[code] || words[action]!;
}
