// The phone page and its button: the number shown, every refusal in words, a second tap where the key was gone.

import assert from 'node:assert/strict';
import test from 'node:test';
import { act, attribute, element, start, text } from './support/app.mjs';
import { bed, until } from '../../client/test/support/bed.mjs';
import { phoneOf } from './support/phone.mjs';

const NUMBER = '13912345678';
const TAP = 'phone tap';

async function opened(context, { build = 'release', query, toml, contract } = {}) {
  const world = await bed(context, toml);
  await world.order('users', { openid: 'oAlice', phone: NUMBER, default: true });
  const phone = phoneOf(world, { build, contract });
  const app = start(context, phone, { gateway: world.url, mock: world.mock });
  const page = app.open('phone', query);
  await until(() => !/正在登录/.test(text(page)));
  const ok = (proof) => ({ errMsg: 'getPhoneNumber:ok', ...proof });
  return {
    world,
    phone,
    page,
    tap: (detail, event = 'getphonenumber') => act(page, TAP, event, detail),
    byCode: async () => ok({ code: (await world.order('phone-code', { openid: 'oAlice' })).code }),
    byData: async () => ok(await world.order('open-data', { openid: 'oAlice', kind: 'phone' })),
  };
}

const toast = (title) => ({ title, icon: 'none', duration: 5000 });

test('the number is shown after a tap: by code, by encrypted data, by the realtime button', async (context) => {
  const { page, phone, tap, byCode, byData } = await opened(context);
  assert.match(text(page), /还没有绑定/);
  for (const [detail, event] of [
    [await byCode(), 'getphonenumber'],
    [await byData(), 'getphonenumber'],
    [await byCode(), 'getrealtimephonenumber'],
  ]) {
    page.setData({ number: '' });
    tap(detail, event);
    await until(() => text(page).includes(NUMBER));
  }
  assert.deepEqual(phone.toasts, []);
  assert.equal(phone.count('login'), 1);
});

test('a number of another country is shown with its country', async (context) => {
  const { page, world, tap, byCode } = await opened(context);
  await world.order('users', { openid: 'oAlice', phone: '51230000', country: '852' });
  tap(await byCode());
  await until(() => text(page).includes('+85251230000'));
});

test('a refusal in any spelling is the toast 请绑定手机号, without an icon, for five seconds, and costs no request', async (context) => {
  const { phone, tap } = await opened(context);
  phone.calls.length = 0;
  for (const errMsg of ['getPhoneNumber:fail user deny', 'getPhoneNumber:fail:user cancel', 'getPhoneNumber:user deny', 'user deny']) {
    phone.toasts.length = 0;
    tap({ errMsg });
    await until(() => phone.toasts.length > 0);
    assert.deepEqual(phone.toasts, [toast('请绑定手机号')], errMsg);
  }
  assert.deepEqual(phone.calls, []);
  assert.deepEqual(phone.modals, []);
});

test('a login that fails at a tap is told in words', async (context) => {
  const { world, phone, tap, byCode } = await opened(context);
  const detail = await byCode();
  await world.signOutElsewhere('oAlice');
  phone.fault = (api) => api === 'login' && 'login:fail';
  tap(detail);
  await until(() => phone.toasts.length > 0);
  assert.deepEqual(phone.toasts, [toast('登录没有成功，请稍后再试')]);
});

test('a key that was replaced: 请再点一次 and why, signed in anew by then, and the second tap works', async (context) => {
  const { world, page, phone, tap, byData } = await opened(context);
  await world.order('session-key', { openid: 'oAlice' });
  tap(await byData());
  await until(() => phone.toasts.length > 0);
  assert.deepEqual(phone.toasts, [toast('登录已更新，请再点一次')]);
  await until(() => /为什么要再点一次？.*再点一次就好/.test(text(page)));
  assert.equal(phone.count('login'), 2);
  tap(await byData());
  await until(() => text(page).includes(NUMBER));
  assert.doesNotMatch(text(page), /为什么要再点一次/);
  assert.equal(phone.count('login'), 2);
});

test('an answer that got lost is asked for again with the same tap, and WeChat is paid once', async (context) => {
  const { world, page, phone, tap, byCode } = await opened(context);
  const { request } = phone;
  phone.request = (options) => request({ ...options, success: () => options.fail({ errMsg: 'request:fail interrupted' }) });
  tap(await byCode());
  await until(() => /再查一次不会重复计费/.test(text(page)));
  assert.deepEqual(phone.toasts, [toast('网络不给力，请检查后重试')]);
  phone.request = request;
  act(page, 'phone retry');
  await until(() => text(page).includes(NUMBER));
  assert.doesNotMatch(text(page), /不会重复计费/);
  assert.equal(await world.calls('getuserphonenumber'), 1);
});

test('what only those who made it can mend is a dialog with a number to quote; who is too fast is told how long to wait', async (context) => {
  const { world, phone, tap, byCode } = await opened(context, { toml: '[rate]\nphone = { per = "user", limit = "1/m", burst = 1 }' });
  await world.order('fault', { api: 'getuserphonenumber', errcode: 48001 });
  tap(await byCode());
  await until(() => phone.modals.length > 0);
  const [{ content, showCancel }] = phone.modals;
  assert.match(content, /^暂时无法使用，请联系客服\n问题编号：\S+$/);
  assert.equal(showCancel, false);
  tap(await byCode());
  await until(() => phone.toasts.length > 0);
  assert.match(phone.toasts[0].title, /^操作太频繁，请 \d+ 秒后再试$/);
});

test('an app that may not have the number says so without blame', async (context) => {
  const { phone, tap } = await opened(context);
  for (const [detail, words] of [
    [{ errMsg: 'getPhoneNumber:fail no permission' }, '暂时无法获取手机号'],
    [{ errMsg: 'getPhoneNumber:fail', errno: 1400001 }, '暂时无法获取手机号'],
    [{ errMsg: 'getPhoneNumber:fail api scope is not declared in the privacy agreement', errno: 112 }, '出了点问题，请联系客服'],
  ]) {
    phone.modals.length = 0;
    tap(detail);
    await until(() => phone.modals.length > 0);
    assert.equal(phone.modals[0].content, words);
  }
  tap({ errMsg: 'getPhoneNumber:fail privacy permission is not authorized', errno: 104 });
  await until(() => phone.toasts.length > 0);
  assert.deepEqual(phone.toasts, [toast('请先同意隐私保护指引，再点一次')]);
});

test('who has not agreed to the terms agrees by the same tap, and sees to what', async (context) => {
  const { page } = await opened(context, { contract: '《示例隐私保护指引》' });
  await until(() => /点击即表示同意《示例隐私保护指引》/.test(text(page)));
  const type = () => attribute(element(page, TAP), 'open-type');
  assert.equal(type(), 'getPhoneNumber|agreePrivacyAuthorization');
  act(page, TAP, 'agreeprivacyauthorization');
  await until(() => type() === 'getPhoneNumber');
  assert.doesNotMatch(text(page), /点击即表示同意/);
});

test('in development, data of the mock takes the same way, with a key that is gone too', async (context) => {
  const { page, phone } = await opened(context, { build: 'develop' });
  assert.match(text(page), /开发模式.*模拟的微信打不开/);
  for (const button of ['by-code', 'by-data']) {
    page.setData({ number: '' });
    act(page, button);
    await until(() => text(page).includes(NUMBER));
  }
  act(page, 'by-stale');
  await until(() => phone.toasts.length > 0);
  assert.deepEqual(phone.toasts, [toast('登录已更新，请再点一次')]);
  page.setData({ number: '' });
  act(page, 'by-data');
  await until(() => text(page).includes(NUMBER));
});

test('without a mock to ask, development says what to start', async (context) => {
  const { page, phone } = await opened(context, { build: 'develop' });
  const { request } = phone;
  phone.request = (options) => (options.url.includes('/mock/') ? options.fail({ errMsg: 'request:fail' }) : request(options));
  act(page, 'by-code');
  await until(() => phone.toasts.length > 0);
  assert.deepEqual(phone.toasts, [toast('模拟的微信没有回答：请先运行 wxgate demo')]);
});

test('nothing of the mock is in a trial or a release', async (context) => {
  for (const build of ['trial', 'release']) {
    const { page } = await opened(context, { build });
    assert.doesNotMatch(text(page), /开发模式|mock/);
    assert.equal(page.querySelector('#by-code'), undefined);
  }
});

test('a page that was opened because the number was wanted says so', async (context) => {
  const { page } = await opened(context, { query: { wanted: '1' } });
  assert.match(text(page), /刚才的功能需要手机号/);
});
