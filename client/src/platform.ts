// The one way to call WeChat, or what stands for it: callbacks in, a promise out, every failure by its name.

import { WxgateError, type ClientCode } from './error.js';
import type { Adapter, Headers } from './types.js';

declare const wx: Adapter | undefined;

/** The platform, looked for when it is needed: importing this package asks for nothing. */
export function platform(adapter?: Adapter): Adapter {
  if (adapter) return adapter;
  if (typeof wx === 'undefined') {
    throw new WxgateError('no_adapter', { detail: 'there is no global wx: createClient({ baseUrl, adapter })' });
  }
  return wx;
}

type Api = 'request' | 'uploadFile' | 'downloadFile' | 'login' | 'checkSession';

/** Calls `api`; gives what `success` was told. */
export function call<T>(on: Adapter, api: Api, options: object): Promise<T> {
  return new Promise((resolve, reject) => {
    let header: Headers | undefined;
    const task: any = on[api]!({
      ...options,
      success: (answer: T) => resolve({ ...(header && { header }), ...answer }),
      fail: (why: unknown) => reject(failure(why, api)),
      complete: undefined,
    });
    // uploadFile and downloadFile tell the headers nowhere else.
    task?.onHeadersReceived?.((received: { header: Headers }) => {
      header = received.header;
    });
    // Taro gives a promise as well. What it is rejected with, `fail` has heard.
    task?.catch?.(() => {});
  });
}

/** What the platform said when it failed, as an error. */
export function failure(why: any, api?: string): WxgateError {
  const detail = String(why?.errMsg || why?.message || why);
  let code: ClientCode = 'network_failed';
  if (/domain list|域名列表/.test(detail)) code = 'domain_not_listed';
  else if (api === 'login') code = 'login_failed';
  return new WxgateError(code, { detail });
}

/** The text of a file, or nothing. */
export function text(on: Adapter, path: string | undefined): unknown {
  try {
    return on.getFileSystemManager!().readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** A header by its name in any case: platforms differ. */
export function lookup(headers: Headers | undefined, name: string): string | undefined {
  const key = Object.keys(headers || {}).find((key) => isSame(key, name));
  return key && String(headers![key]);
}

export function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
