// The example against `wxgate demo` as it stands: with the codes of WeChat's tools, which no mock made.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { act, start, text } from './support/app.mjs';
import { until, wxgate } from '../../client/test/support/bed.mjs';
import { phoneOf } from './support/phone.mjs';

test('all pages work with the demo', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'wxgate-demo-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const said = [];
  await wxgate(context, ['demo'], /(It stays up until Ctrl-C)/, said);
  const [, gateway] = /^ +wxgate +(http:\S+)$/m.exec(said.join(''));
  const [, mock] = /^ +WeChat +(http:\S+)$/m.exec(said.join(''));

  let codes = 0;
  const phone = phoneOf({ folder });
  phone.login = ({ success }) => setImmediate(success, { code: `0a1B2c3D${(codes += 1)}`, errMsg: 'login:ok' });
  const app = start(context, phone, { gateway, mock });
  app.launch();
  const home = app.open('home');
  await until(() => /已登录.*未绑定/.test(text(home)));

  // The number is wanted, and a tap in WeChat's tools brings it.
  const service = app.open('service');
  act(service, 'orders');
  await until(() => phone.went.length > 0);
  const number = app.open('phone', { wanted: '1' });
  act(number, 'phone tap', 'getphonenumber', { errMsg: 'getPhoneNumber:ok', code: 'e4f5', encryptedData: 'AAAA', iv: 'AAAA' });
  await until(() => /\b1\d{10}\b/.test(text(number)));
  const [digits] = /\b1\d{10}\b/.exec(text(number));
  for (const button of ['by-code', 'by-data']) {
    number.setData({ number: '' });
    act(number, button);
    await until(() => text(number).includes(digits));
  }
  act(number, 'by-stale');
  await until(() => /为什么要再点一次/.test(text(number)));
  act(service, 'orders');
  await until(() => new RegExp(`X-WX-PHONE\\s*${digits}`).test(text(service)));

  // A picture of a camera's size.
  phone.photo = join(folder, 'photo.jpg');
  writeFileSync(phone.photo, Buffer.alloc(3_000_000, 0xff));
  act(service, 'upload');
  await until(() => /已上传/.test(text(service)));

  act(service, 'connect');
  await until(() => service.data.messages.length === 1);
  const [{ value: openid }] = service.data.told.filter(({ name }) => name === 'X-WX-OPENID');
  assert.match(text(service), new RegExp(`you are ${openid}`));
  act(service, 'form', 'submit', { value: { text: '你好' } });
  await until(() => service.data.messages.length === 2);
  assert.match(text(service), /你好/);
  act(service, 'disconnect');
  await until(() => /连接已断开/.test(text(service)));

  const profile = app.open('profile');
  act(profile, 'before');
  await until(() => profile.data.way === 'before');
  act(profile, 'pretend');
  await until(() => /微信用户/.test(text(profile)) && profile.data.profile);
  act(home, 'sign-out');
  await until(() => /已退出登录/.test(text(home)));
  assert.deepEqual(phone.modals, []);
});
