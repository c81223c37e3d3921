// A `wx` as WeChat's documentation tells of it: any status is success, there is no PATCH and no cookie jar, ten
// requests run at once, each for sixty seconds at most, redirects are followed with all headers, and uploadFile and downloadFile tell
// the headers to their task alone. Its user is one of the mock's.

import { createReadStream, createWriteStream, readFileSync } from 'node:fs';
import http from 'node:http';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { accept, CLOSE, frame, frames, TEXT } from './frame.mjs';

const METHODS = ['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT'];
const AT_ONCE = 10;
const TIMEOUT = 60_000;
const REDIRECTS = 5;
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** `world` is a bed; the rest says how this phone differs from the usual one. */
export function fakeWx(world, openid = 'oAlice', { headers = 'as sent', tasks = true } = {}) {
  const storage = new Map();
  const waiting = [];
  let running = 0;
  let files = 0;

  const self = {
    /** What was called, in order. */
    calls: [],
    /** Whether WeChat's own session lives. */
    alive: true,
    /** What `fail` is told, for a call that is to fail. */
    fault: () => undefined,
    /** The most that ran at once. */
    peak: 0,
    count: (api) => self.calls.filter((call) => call.api === api).length,

    getStorageSync: (key) => (storage.has(key) ? JSON.parse(storage.get(key)) : ''),
    setStorageSync: (key, data) => void storage.set(key, JSON.stringify(data)),

    getFileSystemManager: () => ({ readFileSync }),

    login(options) {
      run('login', options, async () => ({ code: (await world.order('login-code', { openid })).code }));
    },
    checkSession(options) {
      run('checkSession', options, async () => {
        if (!self.alive) throw 'checkSession:fail session time out, need relogin';
      });
    },
    request: (options) =>
      queued('request', options, async (task) => {
        const method = (options.method ?? 'GET').toUpperCase();
        if (!METHODS.includes(method)) throw 'request:fail method is invalid';
        const { url, header, body } = written(options, method);
        const answer = await exchange(url, method, header, async (to) => to.setHeader('Content-Length', Buffer.byteLength(body ?? '')).end(body), options.timeout);
        task.heard(answer);
        return { ...answer, data: read(await bytes(answer.data), options), cookies: cookies(answer.raw) };
      }),
    uploadFile: (options) =>
      queued('uploadFile', options, async (task) => {
        const boundary = '----wx-upload';
        const part = (name, more) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`;
        const header = { ...plain(options.header), 'content-type': `multipart/form-data; boundary=${boundary}` };
        const answer = await exchange(options.url, 'POST', header, async (to) => {
          for (const [name, value] of Object.entries(options.formData ?? {})) to.write(`${part(name, '')}${value}\r\n`);
          to.write(part(options.name, `; filename="${basename(options.filePath)}"`));
          for await (const chunk of createReadStream(options.filePath)) to.write(chunk);
          to.end(`\r\n--${boundary}--\r\n`);
        });
        task.heard(answer);
        return { statusCode: answer.statusCode, data: String(await bytes(answer.data)) };
      }),
    downloadFile: (options) =>
      queued('downloadFile', options, async (task) => {
        const answer = await exchange(options.url, 'GET', plain(options.header), async (to) => to.end());
        task.heard(answer);
        const tempFilePath = join(world.folder, `download-${(files += 1)}`);
        await pipeline(answer.data, createWriteStream(tempFilePath));
        return { statusCode: answer.statusCode, tempFilePath };
      }),
    connectSocket(options) {
      const listeners = { open: [], error: [], message: [], close: [] };
      const tell = (event, result) => listeners[event].forEach((listener) => listener(result));
      self.calls.push({ api: 'connectSocket', ...options });
      const url = new URL(options.url);
      if (!/^wss?:$/.test(url.protocol)) throw new Error('connectSocket:fail url scheme is invalid');
      url.protocol = 'http:';
      const request = http.get(url, {
        headers: {
          ...options.header,
          Connection: 'Upgrade',
          Upgrade: 'websocket',
          'Sec-WebSocket-Version': '13',
          'Sec-WebSocket-Key': KEY,
        },
      });
      let socket;
      request.on('upgrade', (answer, stream, head) => {
        socket = stream;
        stream.on('error', () => {});
        if (answer.headers['sec-websocket-accept'] !== accept(KEY)) return stream.destroy();
        tell('open', {});
        frames(stream, head, (opcode, payload) => {
          if (opcode === TEXT) tell('message', { data: String(payload) });
          if (opcode !== CLOSE) return;
          stream.end(frame(CLOSE, payload, true));
          tell('close', { code: payload.readUInt16BE(0), reason: String(payload.subarray(2)) });
        });
      });
      request.on('response', (answer) => (answer.resume(), tell('error', { errMsg: 'Unexpected response code' })));
      request.on('error', (error) => tell('error', { errMsg: error.message }));
      options.success?.({ errMsg: 'connectSocket:ok' });
      return {
        send: ({ data }) => void socket.write(frame(TEXT, data, true)),
        close: ({ code = 1000 } = {}) => void socket.write(frame(CLOSE, Buffer.from([code >> 8, code & 255]), true)),
        onOpen: (listener) => void listeners.open.push(listener),
        onError: (listener) => void listeners.error.push(listener),
        onMessage: (listener) => void listeners.message.push(listener),
        onClose: (listener) => void listeners.close.push(listener),
      };
    },
  };
  return self;

  /** Runs one API: counts it, and tells `success` or `fail` later, never at once. */
  async function run(api, options, work) {
    self.calls.push({ api, ...options });
    await new Promise(setImmediate);
    try {
      const why = self.fault(api, options);
      if (why) throw why;
      const told = { errMsg: `${api}:ok`, ...(await work()) };
      options.success?.(told);
      options.complete?.(told);
    } catch (why) {
      const told = { errMsg: typeof why === 'string' ? why : `${api}:fail ${why.message}` };
      options.fail?.(told);
      options.complete?.(told);
    }
  }

  /** A network API: at most ten at once, the others wait. */
  function queued(api, options, work) {
    const listeners = [];
    const task = {
      abort() {},
      onHeadersReceived: (listener) => void listeners.push(listener),
      heard: ({ header, statusCode }) => listeners.forEach((listener) => listener({ header, statusCode })),
    };
    const start = async () => {
      running += 1;
      self.peak = Math.max(self.peak, running);
      await run(api, options, () => work(task));
      running -= 1;
      waiting.shift()?.();
    };
    if (running < AT_ONCE) start();
    else waiting.push(start);
    return tasks ? task : undefined;
  }

  /** One request on the wire, and those that it is redirected to. */
  async function exchange(url, method, header, write, timeout = TIMEOUT, hops = REDIRECTS) {
    const answer = await new Promise((resolve, reject) => {
      const options = { method, headers: { ...header, ...own }, timeout, agent: false };
      const request = http.request(url, options, resolve);
      request.on('error', reject);
      request.on('timeout', () => request.destroy(new Error('timeout')));
      write(request).catch(reject);
    });
    const { statusCode, headers: sent, rawHeaders: raw } = answer;
    if (sent.location && statusCode > 300 && statusCode < 400 && hops > 0) {
      answer.resume();
      const next = method === 'HEAD' ? 'HEAD' : 'GET';
      return exchange(new URL(sent.location, url).href, next, header, async (to) => to.end(), timeout, hops - 1);
    }
    return { statusCode, header: spelt(raw), raw, data: answer };
  }

  /** The headers as this phone spells them: iOS writes capitals, others keep what came. */
  function spelt(raw) {
    const all = {};
    for (let at = 0; at < raw.length; at += 2) {
      const name = headers === 'capitals' ? raw[at].replace(/(^|-)./g, (c) => c.toUpperCase()) : raw[at];
      all[name] = name in all ? `${all[name]},${raw[at + 1]}` : raw[at + 1];
    }
    return all;
  }
}

/** What WeChat writes itself; a page cannot change it. */
const own = {
  referer: 'https://servicewechat.com/wx0123456789abcdef/0/page-frame.html',
  'user-agent': 'Mozilla/5.0 MicroMessenger/8.0.50 MiniProgramEnv',
};

/** A page's headers, without those that it may not set. */
function plain(header = {}) {
  return Object.fromEntries(Object.entries(header).filter(([name]) => !(name.toLowerCase() in own)));
}

/** `data` in the query of a GET, else in the body, as the content type says. */
function written({ url, data, header: given }, method) {
  const header = plain(given);
  const name = Object.keys(header).find((name) => name.toLowerCase() === 'content-type');
  const type = name ? header[name] : (header['content-type'] = 'application/json');
  if (data === undefined || typeof data === 'string') return { url, header, body: method === 'GET' ? undefined : data };
  if (data instanceof ArrayBuffer) return { url, header, body: Buffer.from(data) };
  if (method === 'GET') {
    const query = new URLSearchParams(data).toString();
    return { url: query ? `${url}${url.includes('?') ? '&' : '?'}${query}` : url, header };
  }
  const isForm = type.includes('x-www-form-urlencoded');
  return { url, header, body: isForm ? new URLSearchParams(data).toString() : JSON.stringify(data) };
}

function read(body, { dataType = 'json', responseType = 'text' }) {
  if (responseType === 'arraybuffer') return body.buffer.slice(body.byteOffset, body.byteOffset + body.length);
  const text = String(body);
  if (dataType !== 'json') return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function cookies(raw) {
  return raw.filter((_, at) => at % 2 === 1 && raw[at - 1].toLowerCase() === 'set-cookie');
}

async function bytes(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
