// The phone button: by code, by encrypted data, in the face of a key that changed, and every way in which it is refused.

import assert from 'node:assert/strict';
import test from 'node:test';
import { WxgateError, createClient } from 'wxgate-client';
import { bed, until } from './support/bed.mjs';
import { fakeWx } from './support/wx.mjs';

const NUMBER = { phoneNumber: '13912345678', purePhoneNumber: '13912345678', countryCode: '86' };

async function phone(context) {
  const world = await bed(context);
  await world.order('users', { openid: 'oAlice', phone: NUMBER.phoneNumber });
  const wx = fakeWx(world);
  const client = createClient({ baseUrl: world.url, adapter: wx });
  const sealed = (more) => world.order('open-data', { openid: 'oAlice', kind: 'phone', ...more });
  const coded = async () => ({ code: (await world.order('phone-code', { openid: 'oAlice' })).code });
  return { world, wx, client, sealed, coded };
}

/** What the button gives when it was tapped. */
const tap = (proof, name = 'getPhoneNumber') => ({ type: name.toLowerCase(), detail: { errMsg: `${name}:ok`, ...proof } });

/** What was sent to the gateway's endpoints and asked of WeChat, in order. */
const steps = (wx) => wx.calls.map((call) => (call.api === 'request' ? call.url.replace(/^.*\/wxgate/, '') : call.api));

test('a number by code, and the service gets it from then on', async (context) => {
  const { world, client, coded } = await phone(context);
  await assert.rejects(client.request({ url: '/phone-only' }), { code: 'phone_required', action: 'phone', status: 403 });
  assert.deepEqual(await client.phone(tap(await coded())), NUMBER);
  await client.request({ url: '/phone-only' });
  assert.equal(world.upstream.seen[0].headers['x-wx-phone'], NUMBER.purePhoneNumber);
});

test('a number by code of the realtime button, of uni-app, and of a mini-game', async (context) => {
  const { client, coded } = await phone(context);
  assert.deepEqual(await client.phone(tap(await coded(), 'getRealtimePhoneNumber')), NUMBER);
  assert.deepEqual(await client.phone({ detail: await coded() }), NUMBER);
  assert.deepEqual(await client.phone({ errMsg: 'getPhoneNumber:ok', ...(await coded()) }), NUMBER);
});

test('a number by encrypted data', async (context) => {
  const { client, sealed } = await phone(context);
  await client.request({ url: '/' });
  assert.deepEqual(await client.phone(tap(await sealed())), NUMBER);
});

test('with both, the gateway takes the code and no key matters', async (context) => {
  const { world, client, sealed, coded } = await phone(context);
  await client.request({ url: '/' });
  await world.order('session-key', { openid: 'oAlice' });
  assert.deepEqual(await client.phone(tap({ ...(await coded()), ...(await sealed()) })), NUMBER);
});

test('no wx.login before the gateway has answered, though nobody is signed in', async (context) => {
  const { wx, client, coded } = await phone(context);
  assert.deepEqual(await client.phone(tap(await coded())), NUMBER);
  assert.deepEqual(steps(wx), ['/phone', 'login', '/login', '/phone']);
});

test('no wx.login while a tap is being answered, whoever else needs one', async (context) => {
  const { world, wx, client, coded } = await phone(context);
  await client.request({ url: '/' });
  const tapped = tap(await coded());
  await world.signOutElsewhere('oAlice');
  wx.calls.length = 0;
  await Promise.all([client.phone(tapped), client.request({ url: '/wxgate/session' })]);
  // Both are told that the session is over; the login comes after both, and is one.
  assert.deepEqual(steps(wx).slice(0, 4), ['/phone', '/session', 'login', '/login']);
  assert.equal(wx.count('login'), 1);

  // Two more taps: while the first is held up at WeChat, a page finds its session gone.
  wx.calls.length = 0;
  await world.order('delay', { api: 'getuserphonenumber', hold: true });
  const held = client.phone(tap(await coded()));
  await until(async () => (await world.calls('getuserphonenumber')) === 2);
  await world.signOutElsewhere('oAlice');
  const refused = new Promise((resolve) => {
    const { request } = wx;
    wx.request = (options) => request({ ...options, success: (answer) => (resolve(), options.success(answer)) });
  });
  const page = client.request({ url: '/' });
  await refused;
  await new Promise(setImmediate);
  assert.equal(wx.count('login'), 0);
  await world.order('delay', { api: 'getuserphonenumber', hold: false });
  assert.deepEqual(await held, NUMBER);
  assert.equal((await page).statusCode, 200);
  assert.equal(wx.count('login'), 1);
});

test('a tap during a login waits for it', async (context) => {
  const { wx, client, coded } = await phone(context);
  const page = client.request({ url: '/' });
  const tapped = tap(await coded());
  await Promise.all([page, client.phone(tapped)]);
  assert.deepEqual(steps(wx).filter((step) => step.startsWith('/phone')), ['/phone']);
  assert.equal(wx.count('login'), 1);
});

test('a key that changed between login and tap: the data opens all the same, where the gateway knew the former', async (context) => {
  const { world, wx, client, sealed } = await phone(context);
  await client.request({ url: '/' });
  const before = await sealed();
  await world.signOutElsewhere('oAlice');
  await client.request({ url: '/' });
  wx.calls.length = 0;
  assert.deepEqual(await client.phone(tap(before)), NUMBER);
  assert.deepEqual(steps(wx), ['/phone']);
});

test('a key that nobody knows: login_then_tap, signed in anew by then, the same data never sent twice, and the next tap works', async (context) => {
  const { world, wx, client, sealed } = await phone(context);
  await client.request({ url: '/' });
  await world.order('session-key', { openid: 'oAlice' });
  const stale = tap(await sealed());
  wx.calls.length = 0;
  await assert.rejects(client.phone(stale), { code: 'session_key_stale', action: 'login_then_tap', status: 409 });
  // At this moment the person can tap again.
  assert.deepEqual(steps(wx), ['/phone', 'login', '/login']);
  assert.deepEqual(await client.phone(tap(await sealed())), NUMBER);
  assert.equal(wx.count('login'), 1);
});

test('a stale key is told as such even if the login after it fails', async (context) => {
  const { world, wx, client, sealed } = await phone(context);
  await client.request({ url: '/' });
  await world.order('session-key', { openid: 'oAlice' });
  wx.fault = (api) => api === 'login' && 'login:fail';
  await assert.rejects(client.phone(tap(await sealed())), { code: 'session_key_stale', action: 'login_then_tap' });
});

test('a code that WeChat does not take asks for another tap, and one that is sent again costs nothing', async (context) => {
  const { world, wx, client, coded } = await phone(context);
  await client.request({ url: '/' });
  await assert.rejects(client.phone(tap({ code: 'a-login-code' })), { code: 'phone_code_rejected', action: 'tap_again', status: 400 });

  const event = tap(await coded());
  const { request } = wx;
  wx.request = (options) => request({ ...options, success: () => options.fail({ errMsg: 'request:fail interrupted' }) });
  await assert.rejects(client.phone(event), { code: 'network_failed', action: 'retry' });
  wx.request = request;
  assert.deepEqual(await client.phone(event), NUMBER);
  assert.equal(await world.calls('getuserphonenumber'), 2);
});

test('a profile: what was signed and sealed comes back verified, and a changed key says so', async (context) => {
  const { world, wx, client } = await phone(context);
  await client.request({ url: '/' });
  const shown = async () => ({
    ...(await world.order('signed-data', { openid: 'oAlice', rawData: '{"nickName":"Alice"}' })),
    ...(await world.order('open-data', { openid: 'oAlice', kind: 'profile' })),
  });
  const profile = await client.profile(await shown());
  assert.equal(typeof profile.nickName, 'string');
  assert.deepEqual([profile.openId, profile.watermark], [undefined, undefined]);

  const { rawData, signature } = await shown();
  assert.deepEqual(await client.profile({ rawData, signature }), { nickName: 'Alice' });

  await world.order('session-key', { openid: 'oAlice' });
  const stale = await shown();
  wx.calls.length = 0;
  await assert.rejects(client.profile(stale), { code: 'session_key_stale', action: 'login_then_tap' });
  assert.deepEqual(steps(wx), ['/userinfo', 'login', '/login']);
  assert.equal(typeof (await client.profile(await shown())).nickName, 'string');
});

/** [what the button gives, code, action], as WeChat has been seen to spell it. */
const REFUSALS = [
  [{ errMsg: 'getPhoneNumber:fail user deny' }, 'phone_refused', 'tap_again'],
  [{ errMsg: 'getPhoneNumber:fail:user deny' }, 'phone_refused', 'tap_again'],
  [{ errMsg: 'getPhoneNumber:fail:user cancel' }, 'phone_refused', 'tap_again'],
  [{ errMsg: 'getPhoneNumber:user deny' }, 'phone_refused', 'tap_again'],
  [{ errMsg: 'user deny' }, 'phone_refused', 'tap_again'],
  [{ errMsg: 'getRealtimePhoneNumber:fail user deny' }, 'phone_refused', 'tap_again'],
  [{ errMsg: 'getPhoneNumber:fail privacy permission is not authorized', errno: 104 }, 'privacy_not_agreed', 'tap_again'],
  [{ errMsg: 'getPhoneNumber:fail user deny', errno: 104 }, 'privacy_not_agreed', 'tap_again'],
  [{ errMsg: 'getPhoneNumber:fail api scope is not declared in the privacy agreement', errno: 112 }, 'privacy_not_declared', 'fix'],
  [{ errMsg: 'getPhoneNumber:fail user deny', errno: 112 }, 'privacy_not_declared', 'fix'],
  [{ errMsg: 'getPhoneNumber:fail', errno: 1400001 }, 'phone_quota_exhausted', 'stop'],
  [{ errMsg: 'getPhoneNumber:fail', errno: '1400001' }, 'phone_quota_exhausted', 'stop'],
  [{ errMsg: 'getPhoneNumber:fail no permission' }, 'phone_not_permitted', 'stop'],
  [{ errMsg: 'getPhoneNumber:fail system error' }, 'tap_failed', 'tap_again'],
  // Only `ok` is success, whatever else there is.
  [{ errMsg: 'getPhoneNumber:fail user deny', code: 'c', encryptedData: 'd', iv: 'i' }, 'phone_refused', 'tap_again'],
  [{ errMsg: 'getPhoneNumber:ok' }, 'tap_failed', 'tap_again'],
  [{}, 'tap_failed', 'tap_again'],
];

test('every spelling of a refusal has one name, and costs no request', async () => {
  const calls = [];
  const wx = new Proxy({}, { get: (_, api) => (...given) => calls.push([api, ...given]) });
  const client = createClient({ baseUrl: 'https://api.example.com', adapter: wx });
  for (const [detail, code, action] of REFUSALS) {
    await assert.rejects(client.phone({ detail }), (error) => {
      assert.ok(error instanceof WxgateError && error instanceof Error);
      assert.deepEqual([error.code, error.action], [code, action], JSON.stringify(detail));
      assert.ok(error.detail.includes(detail.errMsg ?? 'phone(event)'));
      return true;
    });
  }
  for (const nothing of [undefined, null, {}, { detail: undefined }]) {
    await assert.rejects(client.phone(nothing), { code: 'tap_failed', action: 'tap_again' });
  }
  assert.deepEqual(calls, []);
});
