// The profile page: today's way, the one of base libraries from before, and those that know neither.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { act, attribute, element, start, text } from './support/app.mjs';
import { bed, until } from '../../client/test/support/bed.mjs';
import { phoneOf } from './support/phone.mjs';

const BEFORE = ['button.open-type.getUserInfo'];
const EXPOSED = '[endpoints]\nexpose = ["openid", "unionid"]';
const PICTURE = 'https://thirdwx.qlogo.cn/alice/132';

async function opened(context, { toml, build = 'release', ...more } = {}) {
  const world = await bed(context, toml);
  const profile = { nickName: 'Alice', avatarUrl: PICTURE };
  await world.order('users', { openid: 'oAlice', unionid: 'uAlice', profile, default: true });
  const phone = phoneOf(world, { build, ...more });
  /** What WeChat gives: signed and sealed under the key of now. */
  const userInfo = async () => ({
    errMsg: 'getUserInfo:ok',
    ...(await world.order('signed-data', { openid: 'oAlice' })),
    ...(await world.order('open-data', { openid: 'oAlice', kind: 'profile' })),
  });
  phone.getUserInfo = async ({ success, withCredentials }) => (phone.calls.push({ api: 'getUserInfo', withCredentials }), success(await userInfo()));
  const page = start(context, phone, { gateway: world.url, mock: world.mock }).open('profile');
  return { world, phone, page, userInfo };
}

const titles = (phone) => phone.toasts.map(({ title }) => title);

test("today's way: a picture and a name that the user chose go to the service, under the user's identity", async (context) => {
  const { world, phone, page } = await opened(context);
  const avatarUrl = join(world.folder, 'avatar.png');
  writeFileSync(avatarUrl, 'a picture');
  const save = (nickname) => act(page, 'form', 'submit', { value: { nickname } });
  assert.equal(attribute(element(page, 'nickname'), 'type'), 'nickname');

  save('小明');
  await until(() => phone.toasts.length === 1);
  act(page, 'avatar', 'chooseavatar', { avatarUrl });
  await until(() => page.data.avatar);
  save('  ');
  await until(() => phone.toasts.length === 2);
  assert.equal(world.upstream.seen.length, 0);
  save(' 小明 ');
  await until(() => /已保存：小明/.test(text(page)));
  assert.deepEqual(titles(phone), ['请选择头像', '请填写昵称', '已保存']);
  assert.ok(phone.toasts.every(({ icon }) => icon === 'none'));

  const [{ url, headers, body }] = world.upstream.seen;
  assert.deepEqual([url, headers['x-wx-openid']], ['/profile', 'oAlice']);
  const sent = Buffer.from(body, 'latin1').toString();
  assert.match(sent, /name="nickname"\r\n\r\n小明\r\n/);
  assert.match(sent, /name="avatar"; filename="avatar.png"\r\n\r\na picture\r\n/);
  // Nothing was asked of WeChat but the login.
  assert.equal(phone.count('getUserInfo') + phone.count('getSetting'), 0);

  world.upstream.answer = () => ({ status: 500, body: {} });
  save('小红');
  await until(() => phone.toasts.length === 4);
  assert.equal(titles(phone)[3], '没有保存成功，请稍后再试');
});

test('a name that WeChat does not like is told of; one that it could not look at is not', async (context) => {
  const { phone, page } = await opened(context);
  act(page, 'nickname', 'nicknamereview', { pass: false, timeout: true });
  act(page, 'nickname', 'nicknamereview', { pass: true, timeout: false });
  act(page, 'nickname', 'nicknamereview', { pass: false, timeout: false });
  await until(() => phone.toasts.length > 0);
  assert.deepEqual(titles(phone), ['这个昵称不能用，请换一个']);
});

test('an old base library: granted by a tap, verified by the gateway, with the ids that it exposes', async (context) => {
  for (const [toml, ids] of [
    ['', 'openId网关没有公开unionId网关没有公开'],
    [EXPOSED, 'openIdoAliceunionIduAlice'],
  ]) {
    const { page, phone, userInfo } = await opened(context, { can: BEFORE, toml });
    await until(() => phone.count('getSetting') === 1);
    assert.match(text(page), /授权头像昵称/);
    assert.doesNotMatch(text(page), /选择头像|Alice/);
    act(page, 'grant', 'getuserinfo', await userInfo());
    await until(() => /昵称\s*Alice/.test(text(page)));
    assert.equal(page.data.profile.avatarUrl, PICTURE);
    assert.ok(text(page).includes(ids), text(page));
    assert.equal(page.data.profile.watermark, undefined);
    assert.equal(phone.count('getUserInfo'), 0);
  }
});

test('an old base library, and the user has granted it before: nobody is asked', async (context) => {
  const { page, phone } = await opened(context, { can: BEFORE, scopes: { 'scope.userInfo': true } });
  await until(() => /昵称\s*Alice/.test(text(page)));
  // The login came first: its key is the one that this is signed with.
  const order = phone.calls.map(({ api }) => api);
  assert.ok(order.indexOf('login') < order.indexOf('getUserInfo'), order.join());
  assert.equal(phone.calls.find(({ api }) => api === 'getUserInfo').withCredentials, true);
  assert.deepEqual(phone.toasts, []);
});

test('a refusal, and a key that was replaced, are told in words', async (context) => {
  const { world, page, phone, userInfo } = await opened(context, { can: BEFORE });
  await until(() => phone.count('getSetting') === 1);
  act(page, 'grant', 'getuserinfo', { errMsg: 'getUserInfo:fail auth deny' });
  await until(() => phone.toasts.length === 1);
  await world.order('session-key', { openid: 'oAlice' });
  act(page, 'grant', 'getuserinfo', await userInfo());
  await until(() => phone.toasts.length === 2);
  assert.deepEqual(titles(phone), ['需要您的授权才能显示头像和昵称', '登录已更新，请再点一次']);
  act(page, 'grant', 'getuserinfo', await userInfo());
  await until(() => /昵称\s*Alice/.test(text(page)));
});

test('data that another key signed is shown as nothing', async (context) => {
  const { page, phone, userInfo } = await opened(context, { can: BEFORE });
  await until(() => phone.count('getSetting') === 1);
  act(page, 'grant', 'getuserinfo', { ...(await userInfo()), signature: '0'.repeat(40) });
  await until(() => phone.modals.length > 0);
  assert.equal(page.data.profile, null);
});

test('a WeChat that knows neither way is asked to be updated', async (context) => {
  const { page, phone } = await opened(context, { can: [] });
  assert.equal(text(page).trim(), '请升级微信版本');
  assert.equal(phone.calls.length, 0);
});

test('both ways can be looked at; in development the mock signs, and <open-data> only shows', async (context) => {
  const { page } = await opened(context, { build: 'develop' });
  assert.match(text(page), /选择头像/);
  act(page, 'before');
  await until(() => /授权头像昵称.*只显示，不取数据/.test(text(page)));
  assert.equal(attribute(element(page, 'shown-picture'), 'type'), 'userAvatarUrl');
  assert.equal(attribute(element(page, 'shown-name'), 'type'), 'userNickName');
  act(page, 'pretend');
  await until(() => /昵称\s*Alice/.test(text(page)));
  act(page, 'today');
  await until(() => /选择头像/.test(text(page)));
});
