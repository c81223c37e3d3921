// The service page: a call that shows who the service saw, the way to the phone number, an upload, a socket.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { act, start, text } from './support/app.mjs';
import { bed, until } from '../../client/test/support/bed.mjs';
import { phoneOf } from './support/phone.mjs';

const ORDERS = `
[[route]]
path = "/orders"
require = "phone"
to = "http://127.0.0.1:9"
`;

async function opened(context) {
  const world = await bed(context, ORDERS);
  world.upstream.answer = ({ headers }) => ({ status: 200, body: { headers } });
  const phone = phoneOf(world);
  const app = start(context, phone, { gateway: world.url, mock: '' });
  phone.photo = join(world.folder, 'photo.png');
  writeFileSync(phone.photo, Buffer.alloc(3000, 7));
  return { world, phone, page: app.open('service') };
}

test('a call signs in, and shows what the service was told', async (context) => {
  const { page, phone } = await opened(context);
  act(page, 'call');
  await until(() => /X-WX-OPENID\s*oAlice/.test(text(page)));
  assert.match(text(page), /X-WX-SOURCE\s*wx_client/);
  assert.doesNotMatch(text(page), /wxg_/);
  assert.equal(phone.count('login'), 1);
});

test('a call that needs the phone number leads to its page', async (context) => {
  const { page, phone, world } = await opened(context);
  act(page, 'orders');
  await until(() => phone.went.length > 0);
  assert.deepEqual(phone.went, ['/pages/phone/phone?wanted=1']);
  assert.deepEqual([phone.toasts, phone.modals], [[], []]);
  assert.equal(world.upstream.seen.length, 0);
});

test("the service's own failure, and its death, are told in words", async (context) => {
  const { page, phone, world } = await opened(context);
  world.upstream.answer = () => ({ status: 500, body: {} });
  act(page, 'call');
  await until(() => phone.toasts.length === 1);
  assert.equal(phone.toasts[0].title, '服务暂时不可用，请稍后再试');
  world.upstream.close();
  act(page, 'call');
  await until(() => phone.toasts.length === 2);
  assert.equal(phone.toasts[1].title, '服务繁忙，请稍后再试');
});

test('an upload comes to the service whole, with who sent it', async (context) => {
  const { page, phone, world } = await opened(context);
  act(page, 'upload');
  await until(() => /已上传/.test(text(page)));
  const [{ url, headers, body }] = world.upstream.seen.filter(({ method }) => method === 'POST');
  assert.deepEqual([url, headers['x-wx-openid'], headers.authorization], ['/photos', 'oAlice', undefined]);
  assert.ok(body.includes('\x07'.repeat(3000)));

  phone.chooseMedia = (options) => options.fail({ errMsg: 'chooseMedia:fail cancel' });
  act(page, 'upload');
  await until(() => /凭证随 uploadFile/.test(text(page)) && !page.data.uploading);
  assert.deepEqual(phone.toasts, []);
  phone.chooseMedia = (options) => options.fail({ errMsg: 'chooseMedia:fail privacy permission is not authorized', errno: 104 });
  act(page, 'upload');
  await until(() => phone.toasts.length > 0);
  assert.equal(phone.toasts[0].title, '请先同意隐私保护指引');
});

test('a socket: said, heard, closed; and in words why it ended', async (context) => {
  const { page, phone, world } = await opened(context);
  const connect = async () => {
    act(page, 'connect');
    await until(() => /断开/.test(text(page)) && page.data.socket === 'open');
  };
  await connect();
  act(page, 'form', 'submit', { value: { text: ' 你好 ' } });
  await until(() => page.data.messages.length > 0);
  assert.match(text(page), /你好/);
  act(page, 'disconnect');
  await until(() => page.data.socket === 'closed');
  assert.match(text(page), /连接已断开/);

  await connect();
  assert.equal(world.upstream.seen.filter(({ url }) => url === '/live').length, 2);
  await world.signOutElsewhere('oAlice');
  await until(() => /登录已失效，重新连接就会再登录/.test(text(page)));
  await connect();
  assert.equal(phone.count('login'), 2);
});

test('a socket that cannot be opened says so', async (context) => {
  const { page, world } = await opened(context);
  world.upstream.close();
  act(page, 'connect');
  await until(() => /连接失败，请重试/.test(text(page)));
});
