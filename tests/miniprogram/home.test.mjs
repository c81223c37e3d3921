// The first page: signed in, signed out, and in words where that did not work; and what no page ever gets to see.

import assert from 'node:assert/strict';
import test from 'node:test';
import { act, start, text } from './support/app.mjs';
import { bed, until } from '../../client/test/support/bed.mjs';
import { phoneOf } from './support/phone.mjs';

async function app(context, options) {
  const world = await bed(context);
  const phone = phoneOf(world, options);
  return { world, phone, app: start(context, phone, { gateway: world.url, mock: '' }) };
}

test('the first page shows who is signed in; launch and page together log in once', async (context) => {
  const { phone, app: running } = await app(context);
  running.launch();
  const page = running.open('home');
  assert.match(text(page), /正在登录/);
  await until(() => /已登录/.test(text(page)));
  assert.match(text(page), /wx0123456789abcdef.*手机号未绑定.*最长有效30 天/);
  assert.equal(phone.calls.filter(({ url }) => url?.endsWith('/wxgate/session')).length, 2);
  assert.equal(phone.count('login'), 1);
});

test('a login that fails is told in words, and trying again helps', async (context) => {
  const { phone, app: running } = await app(context);
  phone.fault = (api) => api === 'login' && 'login:fail';
  const page = running.open('home');
  await until(() => /登录没有成功，请稍后再试/.test(text(page)));
  assert.doesNotMatch(text(page), /已登录|login|fail|undefined/);
  phone.fault = () => undefined;
  act(page, 'retry');
  await until(() => /已登录/.test(text(page)));
});

test('no network is told in words', async (context) => {
  const { phone, app: running } = await app(context);
  phone.fault = (api) => api === 'request' && 'request:fail timeout';
  const page = running.open('home');
  await until(() => /网络不给力，请检查后重试/.test(text(page)));
});

test('who signs out stays signed out until they sign in again', async (context) => {
  const { phone, app: running } = await app(context);
  const page = running.open('home');
  await until(() => /已登录/.test(text(page)));
  act(page, 'sign-out');
  await until(() => /已退出登录/.test(text(page)));
  // The page comes into sight again.
  phone.calls.length = 0;
  await page.instance.onShow();
  assert.match(text(page), /已退出登录/);
  assert.deepEqual(phone.calls, []);
  act(page, 'retry');
  await until(() => /已登录/.test(text(page)));
  assert.equal(phone.count('login'), 1);
});

test('the privacy agreement is shown when WeChat asks, and WeChat gets the answer', async (context) => {
  const { phone, app: running } = await app(context, { contract: '《示例隐私保护指引》' });
  const page = running.open('home');
  const answers = [];
  for (const [button, event, answer] of [
    ['agree', 'agreeprivacyauthorization', { event: 'agree', buttonId: 'agree' }],
    ['disagree', 'tap', { event: 'disagree' }],
  ]) {
    answers.length = 0;
    phone.needsPrivacy((given) => answers.push(given));
    await until(() => /隐私保护提示.*《示例隐私保护指引》/.test(text(page)));
    assert.deepEqual(answers, [{ event: 'exposureAuthorization' }]);
    act(page, `privacy ${button}`, event);
    await until(() => answers.length === 2);
    assert.deepEqual(answers[1], answer);
    assert.doesNotMatch(text(page), /隐私保护提示/);
  }
});
