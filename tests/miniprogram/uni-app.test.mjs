// The phone button of uni-app: compiled by Vue, mounted in a DOM, with `uni` for `wx`.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { JSDOM } from 'jsdom';
import { bed, until } from '../../client/test/support/bed.mjs';
import { phoneOf } from './support/phone.mjs';

const require = createRequire(import.meta.url);
const built = fileURLToPath(new URL('build/', import.meta.url));
const { window } = new JSDOM('<!doctype html><body></body>');
for (const name of ['window', 'document', 'Element', 'SVGElement', 'MathMLElement', 'Node', 'Event']) globalThis[name] ??= name === 'window' ? window : window[name] ?? class {};
const { compileScript, parse } = require('vue/compiler-sfc');
const { createApp, h } = await import('vue');

/** The component on a screen, with the gateway's address in wxgate.js as the README says. */
async function mounted(context) {
  const world = await bed(context);
  await world.order('users', { openid: 'oAlice', phone: '13912345678' });
  globalThis.uni = phoneOf(world);
  const folder = mkdtempSync(join(tmpdir(), 'wxgate-uni-app-'));
  context.after(() => rmSync(folder, { recursive: true }));

  const source = (file) => readFileSync(join(built, 'examples/uni-app', file), 'utf8');
  const client = source('wxgate.js');
  assert.ok(client.includes('https://api.example.com'));
  writeFileSync(join(folder, 'wxgate.js'), client.replace('https://api.example.com', world.url));
  const { descriptor, errors } = parse(source('PhoneButton.vue'));
  assert.deepEqual(errors, []);
  const { content } = compileScript(descriptor, { id: 'button', inlineTemplate: true });
  writeFileSync(join(folder, 'PhoneButton.js'), content);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  symlinkSync(dirname(require.resolve('vue/package.json')), join(modules, 'vue'));
  for (const path of ['package.json', 'dist']) cpSync(join(built, 'client', path), join(modules, 'wxgate-client', path), { recursive: true });

  const { default: PhoneButton } = await import(pathToFileURL(join(folder, 'PhoneButton.js')));
  const heard = [];
  const app = createApp(() => h(PhoneButton, { onPhone: (phone) => heard.push(phone), onFailure: ({ action }) => heard.push(action) }));
  const place = document.createElement('div');
  app.mount(place);
  context.after(() => app.unmount());
  const button = place.querySelector('button');
  const tap = (detail) => button.dispatchEvent(new window.CustomEvent('getphonenumber', { detail }));
  const coded = async () => ({ errMsg: 'getPhoneNumber:ok', code: (await world.order('phone-code', { openid: 'oAlice' })).code });
  return { world, uni: globalThis.uni, button, tap, heard, coded };
}

test('in uni-app a tap gives the number, and a refusal the toast', async (context) => {
  const { button, tap, heard, uni, coded } = await mounted(context);
  assert.equal(button.getAttribute('open-type'), 'getPhoneNumber');
  assert.equal(button.textContent, '手机号快捷登录');
  tap({ errMsg: 'getPhoneNumber:fail user deny' });
  await until(() => heard.length === 1);
  assert.deepEqual(uni.toasts, [{ title: '请绑定手机号', icon: 'none', duration: 5000 }]);
  assert.deepEqual([heard[0], uni.calls], ['tap_again', []]);

  tap(await coded());
  await until(() => heard.length === 2);
  assert.equal(heard[1].purePhoneNumber, '13912345678');
});

test('in uni-app a key that is gone asks for a second tap, which works; a failed login is told in words', async (context) => {
  const { world, tap, heard, uni, coded } = await mounted(context);
  const sealed = async () => ({ errMsg: 'getPhoneNumber:ok', ...(await world.order('open-data', { openid: 'oAlice', kind: 'phone' })) });
  uni.fault = (api) => api === 'login' && 'login:fail';
  tap(await coded());
  await until(() => heard.length === 1);
  assert.equal(uni.toasts[0].title, '登录没有成功，请稍后再试');
  uni.fault = () => undefined;
  tap(await coded());
  await until(() => heard.length === 2);

  await world.order('session-key', { openid: 'oAlice' });
  tap(await sealed());
  await until(() => heard.length === 3);
  assert.equal(heard[2], 'login_then_tap');
  assert.equal(uni.toasts[1].title, '登录已更新，请再点一次');
  tap(await sealed());
  await until(() => heard.length === 4);
  assert.equal(heard[3].purePhoneNumber, '13912345678');
});
