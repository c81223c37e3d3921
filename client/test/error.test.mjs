// Every rejection is an error with a code, an action of the eight, and words for the person who holds the phone.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { WxgateError, createClient } from 'wxgate-client';
import { bed, until } from './support/bed.mjs';
import { fakeWx } from './support/wx.mjs';

const ACTIONS = ['login', 'login_then_tap', 'tap_again', 'phone', 'wait', 'retry', 'fix', 'stop'];

/** A client whose phone gives `answer` to every request, or fails with it. */
function answered(answer, language) {
  const outcome = (options) => void (answer.errMsg ? options.fail(answer) : options.success(answer));
  const adapter = {
    request: outcome,
    uploadFile: outcome,
    downloadFile: outcome,
    login: (options) => options.success({ code: 'c' }),
    getStorageSync: () => 'wxg_token',
    setStorageSync() {},
  };
  return createClient({ baseUrl: 'https://api.example.com', adapter, language });
}

async function rejection(promise) {
  const error = await promise.then(() => assert.fail('it was not rejected'), (error) => error);
  assert.ok(error instanceof WxgateError && error instanceof Error, String(error));
  assert.ok(ACTIONS.includes(error.action), error.action);
  assert.match(error.message, /\p{Script=Han}|\w/u);
  return error;
}

test('each code of the contract comes with its action, whatever the body was asked for as', async () => {
  const body = (code, action) => ({ type: 'about:blank', title: 't', status: 400, detail: 'd', code, action, request_id: 'r1' });
  const encoded = (object) => new TextEncoder().encode(JSON.stringify(object)).buffer;
  for (const [status, code, action] of contract()) {
    if (code === 'session_missing' || code === 'session_expired') continue;
    const header = { 'x-wxgate-refusal': code };
    for (const as of [(object) => object, JSON.stringify, encoded]) {
      const { request } = answered({ statusCode: status, header, data: as(body(code, action)) });
      const error = await rejection(request({ url: '/', method: 'POST' }));
      assert.deepEqual([error.code, error.action, error.status, error.requestId, error.detail], [code, action, status, 'r1', 'd']);
    }
  }
});

test('where there is no body to read, the header says enough', async () => {
  const forwarded = contract().filter(([, code]) =>
    ['bad_request', 'phone_required', 'route_denied', 'no_route', 'unknown_host', 'method_not_allowed', 'body_too_large', 'uri_too_long', 'head_too_large', 'request_timeout', 'rate_limited', 'internal', 'store_unavailable', 'no_upstream', 'overloaded'].includes(code),
  );
  assert.equal(forwarded.length, 15);
  for (const [status, code, action] of forwarded) {
    const { downloadFile } = answered({ statusCode: status, header: { 'X-WXGATE-REFUSAL': code }, tempFilePath: 'f' });
    const error = await rejection(downloadFile({ url: '/' }));
    assert.deepEqual([error.code, error.action, error.status], [code, action, status]);
  }
});

test('the types name exactly the codes of the gateway', () => {
  const source = readFileSync(new URL('../src/error.ts', import.meta.url), 'utf8');
  const [, union] = /type GatewayCode =([^;]+);/.exec(source);
  const typed = union.match(/\w+/g);
  assert.deepEqual(typed.sort(), contract().map(([, code]) => code).sort());
});

test('what the gateway says of time is handed on', async () => {
  const data = { code: 'rate_limited', action: 'wait', request_id: 'r1' };
  const { request } = answered({ statusCode: 429, header: { 'retry-after': '60' }, data });
  assert.equal((await rejection(request({ url: '/' }))).retryAfter, 60);
});

test('no network, a domain that is not listed, and a login that gives no code have names of their own', async () => {
  for (const [errMsg, code, action] of [
    ['request:fail ', 'network_failed', 'retry'],
    ['request:fail timeout', 'network_failed', 'retry'],
    ['request:fail interrupted', 'network_failed', 'retry'],
    ['request:fail url not in domain list', 'domain_not_listed', 'fix'],
  ]) {
    const client = answered({ errMsg });
    for (const call of [client.request({ url: '/' }), client.uploadFile({ url: '/' }), client.downloadFile({ url: '/' }), client.phone({ detail: { errMsg: 'getPhoneNumber:ok', code: 'c' } })]) {
      const error = await rejection(call);
      assert.deepEqual([error.code, error.action, error.detail, error.errMsg, error.status], [code, action, errMsg, errMsg, undefined]);
    }
  }
  const adapter = { getStorageSync: () => '', login: (options) => options.success({ errMsg: 'login:ok' }) };
  const error = await rejection(createClient({ baseUrl: 'https://api.example.com', adapter }).request({ url: '/' }));
  assert.deepEqual([error.code, error.action], ['login_failed', 'retry']);
});

test('a page of some proxy in place of an answer is no token and no number', async () => {
  for (const statusCode of [200, 404, 502]) {
    const client = answered({ statusCode, data: '<html>', header: {} });
    const error = await rejection(client.phone({ detail: { errMsg: 'getPhoneNumber:ok', code: 'c' } }));
    assert.deepEqual([error.code, error.action, error.status], ['unexpected_answer', 'retry', statusCode]);
  }
  const adapter = {
    getStorageSync: () => '',
    login: (options) => options.success({ code: 'c' }),
    request: (options) => options.success({ statusCode: 200, data: {}, header: {} }),
  };
  const error = await rejection(createClient({ baseUrl: 'https://api.example.com', adapter }).request({ url: '/' }));
  assert.equal(error.code, 'unexpected_answer');
});

test('the words are Chinese, or English if asked for', async () => {
  const failing = { errMsg: 'request:fail' };
  assert.equal((await rejection(answered(failing).request({ url: '/' }))).message, '网络不给力，请检查后重试');
  for (const language of ['en', 'en_US']) {
    assert.match((await rejection(answered(failing, language).request({ url: '/' }))).message, /^No network/);
  }
  for (const language of ['zh_CN', 'zh_TW', 'fr', '']) {
    assert.match((await rejection(answered(failing, language).request({ url: '/' }))).message, /网络/);
  }
  assert.equal((await rejection(answered({}).phone({ detail: { errMsg: 'getPhoneNumber:fail user deny' } }))).message, '请绑定手机号');
});

test('a platform that throws, or a storage that does, is no other kind of error', async () => {
  const throwing = () => {
    throw new TypeError('parameter error');
  };
  const login = (options) => options.success({ code: 'c' });
  const broken = createClient({ baseUrl: 'https://api.example.com', adapter: { getStorageSync: throwing, login, request: throwing } });
  const error = await rejection(broken.request({ url: '/' }));
  assert.deepEqual([error.code, error.action, error.detail], ['client_failed', 'fix', 'parameter error']);
  assert.equal((await rejection(broken.request())).code, 'client_failed');
});

test('a full storage costs nothing but a login at the next launch', async (context) => {
  const world = await bed(context);
  const wx = fakeWx(world);
  wx.setStorageSync = () => {
    throw new Error('setStorageSync:fail exceed storage max size 10Mb');
  };
  const client = createClient({ baseUrl: world.url, adapter: wx });
  for (const url of ['/a', '/b']) assert.equal((await client.request({ url })).statusCode, 200);
  assert.equal(wx.count('login'), 1);
});

test('an upstream that is not there is an error with a request id to look for', async (context) => {
  const world = await bed(context);
  const client = createClient({ baseUrl: world.url, adapter: fakeWx(world) });
  await client.request({ url: '/' });
  world.upstream.answer = () => new Promise(() => {});
  const sent = client.request({ url: '/', method: 'POST' });
  await until(() => world.upstream.seen.length === 2);
  world.upstream.close();
  const error = await rejection(sent);
  assert.deepEqual([error.code, error.action, error.status], ['upstream_failed', 'retry', 502]);
  assert.match(error.requestId, /^[0-9a-f]{32}$/);
});

/** [status, code, action] of each row of the gateway's own table. */
function contract() {
  const page = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| (\d{3}) \| `(\w+)` \| (\w+) \|/gm)].map(([, status, code, action]) => [Number(status), code, action]);
  assert.ok(rows.length > 30);
  return rows;
}
