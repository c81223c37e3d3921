// What the phone button says, in all the spellings in which WeChat has said it.

import { WxgateError, type ClientCode } from './error.js';
import type { PhoneDetail, PhoneEvent } from './types.js';

/** WeChat: `e.detail.errno`, where there is one; else the words. The first that fits counts. */
const SIGNS: readonly (readonly [errno: number | null, errMsg: RegExp, code: ClientCode])[] = [
  [104, /privacy permission/i, 'privacy_not_agreed'],
  [112, /not declared/i, 'privacy_not_declared'],
  [1400001, /quota/i, 'phone_quota_exhausted'],
  [null, /no permission/i, 'phone_not_permitted'],
  [null, /deny|denied|cancel/i, 'phone_refused'],
];

/** What proves the number, of an event whose tap went well. */
export function proof(event: PhoneEvent): { code?: string; encryptedData?: string; iv?: string } {
  const detail: PhoneDetail = (event && 'detail' in event ? event.detail : event) || {};
  const { errMsg = '', errno, code, encryptedData, iv } = detail;
  // Only `…:ok` is success; a result that says nothing is judged by what it brings.
  if ((errMsg === '' || /:ok$/.test(errMsg)) && (code || encryptedData)) {
    // All that there is: which of them is taken is the gateway's choice (`endpoints.phone_by`).
    return { code, encryptedData, iv };
  }
  const sign = SIGNS.find(([number, words]) => number === Number(errno) || words.test(errMsg));
  const said = errMsg || 'phone(event) takes the event of the phone button';
  throw new WxgateError(sign ? sign[2] : 'tap_failed', { detail: errno ? `${said} (errno ${errno})` : said });
}
