// A session key is in no answer, no storage and no log, whatever the pages do.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { format } from 'node:util';
import { act, start, text } from './support/app.mjs';
import { bed, until } from '../../client/test/support/bed.mjs';
import { phoneOf } from './support/phone.mjs';

// The gateway says all that it can.
process.env.WXGATE_LOG__LEVEL = 'trace';
process.env.WXGATE_LOG__ACCESS = 'true';

test('a session key is in no answer, no storage and no log of all that the pages do', async (context) => {
  const world = await bed(context, '[endpoints]\nexpose = ["openid", "unionid"]');
  await world.order('users', { openid: 'oAlice', phone: '13912345678', default: true });
  const phone = phoneOf(world);
  const app = start(context, phone, { gateway: world.url, mock: world.mock });
  const keys = new Set();
  const noteKey = async () => {
    const users = await (await fetch(`${world.mock}/mock/users`)).json();
    keys.add(users.find(({ openid }) => openid === 'oAlice').session_key);
  };
  const logged = [];
  for (const way of ['log', 'info', 'warn', 'error', 'debug']) context.mock.method(console, way, (...said) => logged.push(format(...said)));

  app.launch();
  const home = app.open('home');
  await until(() => /已登录/.test(text(home)));
  await noteKey();

  const number = app.open('phone');
  for (const button of ['by-code', 'by-data']) {
    number.setData({ number: '' });
    act(number, button);
    await until(() => text(number).includes('13912345678'));
  }
  act(number, 'by-stale');
  await until(() => phone.toasts.length > 0);
  await noteKey();

  const profile = app.open('profile');
  act(profile, 'before');
  await until(() => phone.count('getSetting') > 0);
  act(profile, 'pretend');
  await until(() => /oAlice/.test(text(profile)));

  const service = app.open('service');
  act(service, 'call');
  phone.photo = join(world.folder, 'photo');
  writeFileSync(phone.photo, 'photo');
  act(service, 'upload');
  await until(() => /已上传/.test(text(service)));
  act(service, 'connect');
  await until(() => service.data.socket === 'open');
  act(home, 'sign-out');
  await until(() => /已退出登录/.test(text(home)));
  await until(() => world.said.join('').includes('/wxgate/logout'));

  assert.equal(keys.size, 2, 'there were two logins');
  const places = {
    'an answer, or storage': phone.kept.join('\n'),
    'what the app sent': JSON.stringify(phone.calls),
    'what the app logged': logged.join('\n'),
    'what the gateway logged': world.said.join(''),
    'what the service saw': JSON.stringify(world.upstream.seen),
    'what the pages hold': JSON.stringify([home, number, profile, service].map(({ data }) => data)),
  };
  for (const [place, content] of Object.entries(places)) {
    assert.ok(content.length > 10, `${place} is not empty`);
    for (const key of keys) assert.ok(key.length === 24 && !content.includes(key), `${place} has a session key`);
    assert.doesNotMatch(content, /session_key(?!_stale)|sessionKey/, place);
  }
});
