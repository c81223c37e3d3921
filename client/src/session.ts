// Being signed in: one token, kept in storage, and one login at a time however many calls wait for it.

import { WxgateError } from './error.js';
import { call } from './platform.js';
import type { Adapter } from './types.js';

export interface Session {
  /** The token as it is, or ""; nobody is asked. */
  current(): string;
  /** A token to begin with: the one kept, as long as WeChat's own session lives, else that of a login. */
  ready(): Promise<string>;
  /** A token other than `spent`: by a login, unless there has been one since. */
  renew(spent: string): Promise<string>;
  /** The token of a new login, or of the one that is under way. */
  login(): Promise<string>;
  /** Sends open data, with the token there is. No login begins between this and the answer. */
  hold<T>(send: (token: string) => Promise<T>): Promise<T>;
}

/** `exchange` asks the gateway for a token, with a login code and the token so far. */
export function session(
  platform: () => Adapter,
  key: string,
  exchange: (code: string, token: string) => Promise<{ token?: unknown }>,
): Session {
  let token: string | undefined;
  let checking: Promise<unknown> | undefined;
  let underway: Promise<string> | undefined;
  let held: Promise<unknown> = Promise.resolve();

  function current(): string {
    if (token === undefined) {
      const on = platform();
      try {
        const kept: unknown = on.getStorageSync(key);
        token = typeof kept === 'string' ? kept : '';
      } catch {
        token = '';
      }
    }
    return token;
  }

  async function ready(): Promise<string> {
    if (underway) return underway;
    if (!current()) return login();
    await (checking ||= check());
    return current();
  }

  /** Once a launch, for WeChat counts these calls. Where its session is over, it encrypts nothing that we could read. */
  async function check(): Promise<void> {
    const on = platform();
    if (!on.checkSession) return;
    // A login that fails here is no reason to stop: whether the token is good, the gateway knows.
    await call(on, 'checkSession', {}).catch(login).catch(() => {});
  }

  function login(): Promise<string> {
    if (!underway) {
      const over = () => (underway = undefined);
      underway = held.then(exchanged).catch(again);
      underway.then(over, over);
    }
    return underway;
  }

  async function exchanged(): Promise<string> {
    const { code } = await call<{ code?: string }>(platform(), 'login', { timeout: 10_000 });
    if (!code) throw new WxgateError('login_failed', { detail: 'wx.login gave no code' });
    const { token: given } = await exchange(code, current());
    if (typeof given !== 'string') throw new WxgateError('unexpected_answer', { detail: 'no token came' });
    token = given;
    // WeChat's session is as new as can be.
    checking = Promise.resolve();
    try {
      platform().setStorageSync(key, given);
    } catch {
      // A full storage costs a login at the next launch, and nothing now.
    }
    return given;
  }

  /** A code that WeChat does not take may have been used up by an answer that got lost: one more, with a new code. */
  function again(error: unknown): Promise<string> {
    if (error instanceof WxgateError && error.status === 401) return exchanged();
    throw error;
  }

  async function renew(spent: string): Promise<string> {
    return current() === spent ? login() : current();
  }

  async function hold<T>(send: (token: string) => Promise<T>): Promise<T> {
    // The data may be encrypted under the key of a login that is just being made.
    if (underway) await underway.catch(() => {});
    const sent = send(current());
    const before = held;
    held = sent.then(() => before, () => before);
    return sent;
  }

  return { current, ready, renew, login, hold };
}
