// The client: calls with the credential, a login where one is needed, and open data that is never sent too late.

import { WxgateError } from './error.js';
import { message } from './message.js';
import { places } from './origin.js';
import { proof } from './phone.js';
import { call, failure, isSame, lookup, platform } from './platform.js';
import { problem, REFUSAL, type Raw } from './problem.js';
import { session } from './session.js';
import type { Answer, Callbacks, Client, ClientOptions, Headers, SocketOptions } from './types.js';

/** What may be sent twice although it may have been done already (RFC 9110 §9.2.1). */
const SAFE = /^(GET|HEAD|OPTIONS)$/i;

/** The options of a call, as far as they matter here. */
interface Given {
  url: string;
  header?: Headers;
  method?: string;
}

/** A client of the gateway at `baseUrl`. Throws a `WxgateError` if that is no address. */
export function createClient(options: ClientOptions): Client {
  const { baseUrl, appid, prefix = '/wxgate', header = 'Authorization', language = 'zh' } = options;
  const place = places(baseUrl);
  const on = () => platform(options.adapter);
  // The key names the gateway: a token must not outlive a move to another one.
  const signedIn = session(on, `wxgate ${place('').url}`, (code, token) => ask('/login', { code, appid }, token));

  /** The caller's headers and the credential, which takes the place of any other under its name. */
  function credential(headers: Headers | undefined, token: string): Headers {
    const kept = Object.entries(headers || {}).filter(([name]) => !isSame(name, header));
    if (token) kept.push([header, `Bearer ${token}`]);
    return kept.reduce<Headers>((all, [name, value]) => ({ ...all, [name]: value }), {});
  }

  /** One of the gateway's own endpoints, as it is: no login, no second try. GET without `data`. */
  async function ask(path: string, data: object | undefined, token: string): Promise<any> {
    const answer = await call<Answer>(on(), 'request', {
      url: place(prefix + path).url,
      method: data ? 'POST' : 'GET',
      data,
      header: credential({ 'Content-Type': 'application/json' }, token),
    });
    const { statusCode: status, data: body } = answer;
    if (status === 200 && body && typeof body === 'object') return body;
    throw problem(on(), answer) || new WxgateError('unexpected_answer', { status, detail: 'this is no answer of the gateway' });
  }

  /** A call with the credential. At a 401 there is a login, and a second try of what the service cannot have done yet. */
  async function send<T extends Raw>(api: 'request' | 'uploadFile' | 'downloadFile', given: Given): Promise<T> {
    const { url, ours } = place(given.url);
    if (!ours) return call<T>(on(), api, { ...given, url });
    const attempt = (token: string) => call<T>(on(), api, { ...given, url, header: credential(given.header, token) });

    const token = await signedIn.ready();
    let answer = await attempt(token);
    let error = problem(on(), answer);
    if (answer.statusCode === 401 && (!error || error.action === 'login')) {
      const refused = await isRefusal(answer, token);
      if (!error && !refused) return answer;
      const fresh = await signedIn.renew(token);
      if (refused || SAFE.test(api === 'uploadFile' ? 'POST' : given.method || 'GET')) {
        answer = await attempt(fresh);
        error = problem(on(), answer);
      }
    }
    if (error) throw error;
    return answer;
  }

  /** Whether the gateway itself gave this 401, so that the service has seen nothing. */
  async function isRefusal(answer: Raw, token: string): Promise<boolean> {
    if (answer.header) return lookup(answer.header, REFUSAL) !== undefined;
    // A platform that shows no headers. A token that the gateway does not take now, it did not take then.
    return ask('/session', undefined, token).then(
      () => false,
      (error) => error.status === 401,
    );
  }

  /** Open data: sent before any login could replace the key that it is encrypted or signed under. */
  async function open(path: string, data: object): Promise<any> {
    let token = '';
    const attempt = () => signedIn.hold((current) => ask(path, data, (token = current)));
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof WxgateError)) throw error;
      if (error.action === 'login') {
        await signedIn.renew(token);
        return attempt();
      }
      // This data opens under no key any more. By the next tap there is one that the gateway knows.
      if (error.action === 'login_then_tap') await signedIn.login().catch(() => {});
      throw error;
    }
  }

  async function connect(given: SocketOptions): Promise<any> {
    let { url, ours } = place(given.url);
    let { header: headers } = given;
    if (ours) {
      // A handshake that fails does not say why, so the session is looked after before.
      await send('request', { url: `${prefix}/session` });
      headers = credential(headers, signedIn.current());
    }
    url = url.replace(/^http/i, 'ws');
    return new Promise((resolve, reject) => {
      const task = on().connectSocket({
        ...given,
        url,
        header: headers,
        success: () => {}, // uni-app gives a task only to those who bring a callback.
        fail: (why: unknown) => reject(failure(why)),
        complete: undefined,
      });
      if (task) Promise.resolve(task).then(resolve, (why) => reject(failure(why)));
    });
  }

  /** What every call ends as: each rejection an error of ours, in words for people, and wx's own callbacks told. */
  function tell<T>(outcome: Promise<T>, { success, fail, complete }: Callbacks<T> = {}): Promise<T> {
    const told = outcome.catch((why) => {
      const error = why instanceof WxgateError ? why : new WxgateError('client_failed', { detail: String(why?.message || why) });
      error.message = message(error, language);
      throw error;
    });
    if (success || fail || complete) {
      told.then(
        (answer) => (success?.(answer), complete?.(answer)),
        (error) => (fail?.(error), complete?.(error)),
      );
    }
    return told;
  }

  return {
    request: (given) => tell(send('request', given), given),
    uploadFile: (given) => tell(send('uploadFile', given), given),
    downloadFile: (given) => tell(send('downloadFile', given), given),
    connectSocket: (given) => tell(connect(given), given),
    phone: (event) => tell(Promise.resolve().then(() => open('/phone', proof(event)))),
    profile: ({ rawData, signature, encryptedData, iv }) => tell(open('/userinfo', { rawData, signature, encryptedData, iv })),
  };
}
