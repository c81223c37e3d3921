// The example's files fit together, as WeChat's tools demand it; each rule is seen to fail on a copy that breaks it.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { faults } from './support/faults.mjs';

/** A copy of the example, with its package where Node finds it. */
function copy(context) {
  const folder = mkdtempSync(join(tmpdir(), 'wxgate-example-'));
  context.after(() => rmSync(folder, { recursive: true }));
  cpSync(fileURLToPath(new URL('build/examples/miniprogram', import.meta.url)), folder, { recursive: true });
  renameSync(join(folder, 'miniprogram_npm'), join(folder, 'node_modules'));
  return folder;
}

test('nothing is wrong with the example', (context) => {
  assert.deepEqual(faults(copy(context)), []);
});

/** [file, what stands there, what stands there instead, what is wrong then] */
const BROKEN = [
  ['app.json', '"pages/service/service"', '"pages/servant/servant"', /app\.json: pages\/servant\/servant\.wxss is missing/],
  ['app.json', '"pages/service/service"', '"pages/home/home"', /pages\/service\/service: no page/],
  ['app.json', ',', '', /app\.json: no JSON/],
  ['app.json', '"sitemap.json"', '"map.json"', /sitemap is missing/],
  ['project.config.json', '"urlCheck": false', '"urlCheck": true', /urlCheck/],
  ['project.config.json', 'touristappid', '', /appid/],
  ['project.config.json', '"compileType": "miniprogram"', '"compileType": "plugin"', /compileType/],
  ['project.config.json', '"appid"', '"miniprogramRoot": "src", "appid"', /no app\.json/],
  ['pages/phone/phone.json', '"phone-button":', '"tap-button":', /<phone-button> is not declared/],
  ['pages/phone/phone.json', '"phone-button":', '"tap-button":', /tap-button is not used/],
  ['pages/phone/phone.json', 'phone-button/phone-button"', 'phone-button/phone"', /phone-button\/phone\.js is missing/],
  ['components/privacy/privacy.json', 'true', 'false', /is no component/],
  ['pages/phone/phone.js', 'onPretend(', 'onPretended(', /bindtap="onPretend" has no method/],
  ['pages/phone/phone.js', 'onPhone(', 'onNumber(', /bind:phone="onPhone" has no method/],
  ['pages/phone/phone.js', "number: ''", "digits: ''", /no data named number/],
  ['pages/home/home.js', 'Component(', 'void (', /no Component/],
  ['pages/home/home.js', '/pages/profile/profile', '/pages/me/me', /pages\/me\/me is no page/],
  ['pages/home/home.wxml', '</block>', '', /do not close/],
  ['pages/home/home.wxss', '.way', '.road', /\.way has no style/],
  ['pages/service/service.js', "'/pages/phone/phone?", "'/pages/tel/tel?", /pages\/tel\/tel is no page/],
  ['app.js', 'App({', 'wx.login({}); App({', /signing in is the client's/],
];

test('each of these would be found', (context) => {
  for (const [path, from, to, what] of BROKEN) {
    const folder = copy(context);
    const file = join(folder, path);
    const text = readFileSync(file, 'utf8');
    assert.ok(text.includes(from), `${path} has no ${from}`);
    writeFileSync(file, text.replace(from, to));
    const found = faults(folder);
    assert.ok(found.some((fault) => what.test(fault)), `${path}: ${from} → ${to}: ${found.join('; ') || 'nothing'}`);
  }
});
