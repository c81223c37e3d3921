// Signing in: once however many wait for it, again where it is needed, and never a POST twice.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { createClient } from 'wxgate-client';
import { APPID, bed, service } from './support/bed.mjs';
import { fakeWx } from './support/wx.mjs';

/** A bed, a phone and its client. */
async function phone(context, more = {}) {
  const world = await bed(context);
  const wx = fakeWx(world, 'oAlice', more);
  const client = createClient({ baseUrl: world.url, adapter: wx });
  return { world, wx, client };
}

/** A client that is signed in, and whose sessions have just been ended elsewhere. */
async function expired(context, more) {
  const all = await phone(context, more);
  await all.client.request({ url: '/' });
  await all.world.signOutElsewhere('oAlice');
  all.world.upstream.seen.length = 0;
  all.wx.calls.length = 0;
  return all;
}

test('the first call signs in, and the service is told who calls', async (context) => {
  const { world, wx, client } = await phone(context);
  const answer = await client.request({ url: '/orders?page=2', header: { 'X-Page': 'orders' } });
  assert.deepEqual([answer.statusCode, answer.data, answer.errMsg], [200, { openid: 'oAlice' }, 'request:ok']);
  const [{ url, headers }] = world.upstream.seen;
  assert.deepEqual([url, headers['x-wx-openid'], headers['x-page']], ['/orders?page=2', 'oAlice', 'orders']);
  assert.equal(wx.count('login'), 1);
});

test('the token is kept: the next launch asks WeChat whether its session lives, once, and logs nobody in', async (context) => {
  const { world, wx, client } = await phone(context);
  await client.request({ url: '/' });
  const launched = createClient({ baseUrl: world.url, adapter: wx });
  await Promise.all([launched.request({ url: '/a' }), launched.request({ url: '/b' })]);
  await launched.request({ url: '/c' });
  assert.deepEqual([wx.count('login'), wx.count('checkSession')], [1, 1]);
});

test("where WeChat's own session is over the next launch logs in before it asks for anything", async (context) => {
  const { world, wx, client } = await phone(context);
  await client.request({ url: '/' });
  wx.alive = false;
  wx.calls.length = 0;
  const launched = createClient({ baseUrl: world.url, adapter: wx });
  await Promise.all([launched.request({ url: '/a' }), launched.request({ url: '/b' })]);
  assert.deepEqual(wx.calls.map((call) => call.api).slice(0, 2), ['checkSession', 'login']);
  assert.equal(wx.count('login'), 1);
  assert.equal(world.upstream.seen.length, 3);
});

test('a token of one gateway is never shown to another', async (context) => {
  const { wx, client } = await phone(context);
  await client.request({ url: '/' });
  const other = await bed(context);
  wx.calls.length = 0;
  const moved = createClient({ baseUrl: other.url, adapter: wx });
  await assert.rejects(moved.request({ url: '/' }), { action: 'login' });
  const shown = wx.calls.filter((call) => call.api === 'request').map((call) => call.header.Authorization);
  assert.deepEqual(shown, [undefined, undefined]);
});

test('ten parallel calls at an expired session cause one wx.login, and each is answered', async (context) => {
  const { world, wx, client } = await expired(context);
  const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => client.request({ url: `/${n}` })));
  assert.deepEqual(answers.map((answer) => answer.data.openid), Array(10).fill('oAlice'));
  assert.equal(wx.count('login'), 1);
  assert.equal(world.upstream.seen.length, 10);
});

test('twenty calls at once sign in once, though a phone runs ten', async (context) => {
  const { wx, client } = await phone(context);
  await Promise.all(Array.from({ length: 20 }, (_, n) => client.request({ url: `/${n}` })));
  assert.deepEqual([wx.count('login'), wx.peak], [1, 10]);
});

test('a 401 that comes after the login has been made causes no second one', async (context) => {
  const { world, wx, client } = await expired(context);
  // Both go out with the dead token; the answer to the second is told only when the first is through.
  let told;
  const first = new Promise((resolve) => (told = resolve));
  const { request } = wx;
  wx.request = (options) => {
    const isLate = options.url.endsWith('/late') && wx.count('login') === 0;
    return request({ ...options, success: (answer) => (isLate ? first : Promise.resolve()).then(() => options.success(answer)) });
  };
  const late = client.request({ url: '/late' });
  await client.request({ url: '/early' });
  told();
  assert.equal((await late).data.openid, 'oAlice');
  assert.equal(wx.count('login'), 1);
  assert.deepEqual(world.upstream.seen.map((seen) => seen.url), ['/early', '/late']);
});

test('a call that begins while a login is under way waits for it', async (context) => {
  const { wx, client } = await expired(context);
  const { login } = wx;
  let later;
  wx.login = (options) => {
    later = client.request({ url: '/later' });
    login(options);
  };
  await client.request({ url: '/' });
  await later;
  assert.equal(wx.calls.filter((call) => call.url?.endsWith('/later')).length, 1);
});

for (const method of ['POST', 'PUT', 'DELETE']) {
  test(`a ${method} that the gateway refused reaches the service once, after the login`, async (context) => {
    const { world, wx, client } = await expired(context);
    const answer = await client.request({ url: '/orders', method, data: { item: 7 } });
    assert.equal(answer.statusCode, 200);
    assert.equal(wx.count('login'), 1);
    assert.deepEqual(world.upstream.seen.map((seen) => [seen.method, seen.body]), [[method, '{"item":7}']]);
  });
}

for (const headers of ['as sent', 'capitals']) {
  test(`a POST that the service itself answers with 401 is never sent twice (headers ${headers})`, async (context) => {
    const { world, wx, client } = await phone(context, { headers });
    // The worst that a service could say: the very words of the gateway, and its header, which is taken off.
    const headersOfOurs = { 'X-Wxgate-Refusal': 'session_expired' };
    world.upstream.answer = () => ({ status: 401, headers: headersOfOurs, body: { code: 'session_expired', action: 'login' } });
    const sent = client.request({ url: '/orders', method: 'POST', data: {} });
    await assert.rejects(sent, { code: 'session_expired', action: 'login', status: 401 });
    assert.equal(world.upstream.seen.length, 1);
    // What is safe may be tried again, once.
    await assert.rejects(client.request({ url: '/orders' }), { action: 'login' });
    assert.equal(world.upstream.seen.length, 3);
    assert.equal(wx.count('login'), 3);
  });
}

test("a service's own 401 is an answer like any other, and so is its 500", async (context) => {
  const { world, wx, client } = await phone(context);
  for (const status of [401, 403, 404, 500]) {
    world.upstream.answer = () => ({ status, body: { error: 'mine' } });
    const answer = await client.request({ url: '/', method: 'POST' });
    assert.deepEqual([answer.statusCode, answer.data], [status, { error: 'mine' }]);
  }
  // A 200 is never an error, whatever words are in it.
  const words = { code: 'session_expired', action: 'login' };
  world.upstream.answer = () => ({ body: words });
  assert.deepEqual((await client.request({ url: '/' })).data, words);
  assert.equal(wx.count('login'), 1);
});

test('a session that is gone again at the second try is an error, not a loop', async (context) => {
  const { world, wx, client } = await expired(context);
  const { request } = wx;
  // Whatever token is sent, the gateway gets one that it never gave.
  wx.request = (options) =>
    request({ ...options, header: { ...options.header, ...(!options.url.includes('login') && { Authorization: 'Bearer wxg_x' }) } });
  await assert.rejects(client.request({ url: '/', method: 'POST' }), { code: 'session_expired', action: 'login', status: 401 });
  assert.equal(wx.count('login'), 1);
  assert.equal(world.upstream.seen.length, 0);
});

for (const [kind, tasks] of [['whose task tells the headers', true], ['that tells no headers', false]]) {
  const more = { tasks };
  test(`an upload at an expired session arrives once, on a phone ${kind}`, async (context) => {
    const { world, wx, client } = await expired(context, more);
    const filePath = join(world.folder, 'photo.jpg');
    writeFileSync(filePath, 'pixels');
    const answer = await client.uploadFile({ url: '/photos', filePath, name: 'photo', formData: { album: 'a' } });
    assert.deepEqual([answer.statusCode, JSON.parse(answer.data)], [200, { openid: 'oAlice' }]);
    assert.equal(wx.count('login'), 1);
    assert.equal(world.upstream.seen.length, 1);
    assert.match(world.upstream.seen[0].body, /name="album"[^]*filename="photo.jpg"[^]*pixels/);
    // Only who is told no headers has to ask whose 401 it was.
    const asked = wx.calls.some((call) => call.url?.endsWith('/wxgate/session'));
    assert.deepEqual([asked, answer.header === undefined], tasks ? [false, false] : [true, true]);
  });

  test(`an upload that the service itself answers with 401 is never sent twice, on a phone ${kind}`, async (context) => {
    const { world, client } = await phone(context, more);
    const filePath = join(world.folder, 'photo.jpg');
    writeFileSync(filePath, 'pixels');
    world.upstream.answer = () => ({ status: 401, body: { code: 'session_expired', action: 'login' } });
    await assert.rejects(client.uploadFile({ url: '/photos', filePath, name: 'photo' }), { action: 'login' });
    assert.equal(world.upstream.seen.length, 1);
  });

  test(`a download at an expired session gives the file, on a phone ${kind}`, async (context) => {
    const { world, wx, client } = await expired(context, more);
    const answer = await client.downloadFile({ url: '/report' });
    assert.deepEqual([answer.statusCode, JSON.parse(readFileSync(answer.tempFilePath))], [200, { openid: 'oAlice' }]);
    assert.equal(wx.count('login'), 1);
    assert.equal(world.upstream.seen.length, 1);
  });
}

test('a download that the gateway refuses is an error, though its body went into a file', async (context) => {
  for (const tasks of [true, false]) {
    const { client } = await phone(context, { tasks });
    await assert.rejects(client.downloadFile({ url: '/phone-only' }), (error) => {
      assert.deepEqual([error.code, error.action, error.status], ['phone_required', 'phone', 403]);
      return /^[0-9a-f]{32}$/.test(error.requestId);
    });
  }
});

test('a login code that WeChat takes no more gets one more chance', async (context) => {
  const { world, wx, client } = await phone(context);
  await world.order('fault', { api: 'jscode2session', errcode: 40163 });
  assert.equal((await client.request({ url: '/' })).statusCode, 200);
  assert.equal(wx.count('login'), 2);
  await world.order('fault', { api: 'jscode2session', errcode: 40029, times: 9 });
  const fresh = createClient({ baseUrl: world.url, adapter: fakeWx(world, 'oBob') });
  await assert.rejects(fresh.request({ url: '/' }), { code: 'code_rejected', action: 'login', status: 401 });
});

test('a login that failed is tried again by the next call', async (context) => {
  const { wx, client } = await phone(context);
  wx.fault = (api) => api === 'login' && 'login:fail network error';
  const calls = [client.request({ url: '/a' }), client.request({ url: '/b' })];
  for (const call of calls) await assert.rejects(call, { code: 'login_failed', action: 'retry' });
  assert.equal(wx.count('login'), 1);
  wx.fault = () => undefined;
  assert.equal((await client.request({ url: '/' })).statusCode, 200);
});

test('one of several apps says which it is, and the endpoints may be elsewhere', async (context) => {
  const other = '[endpoints]\nprefix = "/gate"\n[[app]]\nappid = "wxfedcba9876543210"\nsecret = { env = "WX_SECRET" }';
  const world = await bed(context, other);
  const made = (more) => createClient({ baseUrl: world.url, adapter: fakeWx(world), prefix: '/gate', ...more });
  await assert.rejects(made().request({ url: '/' }), { code: 'bad_request', action: 'fix', status: 400 });
  assert.equal((await made({ appid: APPID }).request({ url: '/' })).statusCode, 200);
  assert.equal(world.upstream.seen[0].headers['x-wx-appid'], APPID);
});

test('a socket is opened with the credential of a session that is looked after before', async (context) => {
  const { world, wx, client } = await expired(context);
  const task = await client.connectSocket({ url: '/live', header: { 'X-Page': 'live' } });
  assert.equal(wx.count('login'), 1);
  const [call] = wx.calls.filter((call) => call.api === 'connectSocket');
  assert.equal(call.url, `${world.url.replace('http', 'ws')}/live`);
  await new Promise((resolve, reject) => (task.onOpen(resolve), task.onError(reject)));
  const heard = new Promise((resolve) => task.onMessage(resolve));
  task.send({ data: 'hello' });
  assert.equal((await heard).data, 'hello');
  const ended = new Promise((resolve) => task.onClose(resolve));
  await world.signOutElsewhere('oAlice');
  assert.deepEqual(await ended, { code: 1008, reason: 'the session has ended: sign in again' });
  const [{ url, headers }] = world.upstream.seen;
  assert.deepEqual([url, headers['x-wx-openid'], headers['x-page']], ['/live', 'oAlice', 'live']);
});

test('a socket elsewhere opens without any of it', async (context) => {
  const { wx, client } = await phone(context);
  const elsewhere = await service(context);
  const task = await client.connectSocket({ url: `${elsewhere.url}/live` });
  await new Promise((resolve) => task.onOpen(resolve));
  assert.equal(elsewhere.seen[0].headers.authorization, undefined);
  assert.deepEqual(wx.calls.map((call) => call.api), ['connectSocket']);
});

test("wx's own callbacks are told once, of what came in the end", async (context) => {
  const { client } = await expired(context);
  const told = [];
  const callbacks = (name) => ({
    success: (answer) => told.push([name, 'success', answer.statusCode]),
    fail: (error) => told.push([name, 'fail', error.code]),
    complete: () => told.push([name, 'complete']),
  });
  await client.request({ url: '/a', ...callbacks('a') });
  await client.request({ url: '/phone-only', ...callbacks('b') }).catch(() => {});
  assert.deepEqual(told, [
    ['a', 'success', 200],
    ['a', 'complete'],
    ['b', 'fail', 'phone_required'],
    ['b', 'complete'],
  ]);
});
