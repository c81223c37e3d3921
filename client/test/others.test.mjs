// Clients that others wrote, unchanged, by the very files in examples/clients: they sign in, call, and come back after their
// session is gone, with no code of this package between.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bed } from './support/bed.mjs';
import { fakeWx } from './support/wx.mjs';

const modules = fileURLToPath(new URL('../node_modules', import.meta.url));

/** [file, what the gateway needs, the global that it talks to, how it is called: an answer's status and data, whatever the status] */
const CLIENTS = [
  ['flyio.js', '', 'wx', (fly) => (method, url, data) =>
    fly.request(url, data, { method }).catch((error) => error.response).then(({ status, data }) => [status, data])],
  ['luch-request.js', '', 'uni', (http) => (method, url, data) =>
    http.default.request({ method, url, data }).catch((answer) => answer).then(({ statusCode, data }) => [statusCode, data])],
  ['weapp-cookie.js', '[session]\ncookie = "wxgate"', 'wx', ({ request }) => (method, url, data) =>
    request({ method, url, data }).then(({ statusCode, data }) => [statusCode, data])],
];

for (const [file, settings, global, calling] of CLIENTS) {
  test(`${file}: signs in, calls, and comes back after its session is gone`, async (context) => {
    const world = await bed(context, settings);
    const wx = fakeWx(world);
    // What is asked of /late is answered when `early` is through.
    let early = Promise.resolve();
    const { request } = wx;
    wx.request = (options) => {
      const end = options.url.endsWith('/late') ? early : Promise.resolve();
      const later = (callback) => callback && ((result) => end.then(() => callback(result)));
      return request({ ...options, success: later(options.success), complete: later(options.complete) });
    };
    const send = calling(await loaded(file, world.url, { [global]: wx }));
    const alice = [200, { openid: 'oAlice' }];

    assert.deepEqual(await send('GET', '/orders'), alice);
    assert.equal(wx.count('login'), 1);
    assert.deepEqual(await send('POST', '/orders', { item: 7 }), alice);
    assert.equal(wx.count('login'), 1);

    await world.signOutElsewhere('oAlice');
    world.upstream.seen.length = 0;
    assert.deepEqual(await Promise.all(Array.from({ length: 10 }, (_, n) => send('GET', `/${n}`))), Array(10).fill(alice));
    assert.equal(wx.count('login'), 2);
    assert.equal(world.upstream.seen.length, 10);

    await world.signOutElsewhere('oAlice');
    world.upstream.seen.length = 0;
    assert.deepEqual(await send('POST', '/orders', { item: 8 }), alice);
    assert.deepEqual(world.upstream.seen.map(({ method, url, body }) => [method, url, body]), [['POST', '/orders', '{"item":8}']]);

    // A 401 that comes after somebody else has signed in causes no second login.
    await world.signOutElsewhere('oAlice');
    let through;
    early = new Promise((resolve) => (through = resolve));
    const late = send('GET', '/late');
    assert.deepEqual(await send('GET', '/early'), alice);
    through();
    assert.deepEqual(await late, alice);
    assert.equal(wx.count('login'), 4);
    world.upstream.seen.length = 0;

    // A service's own 401 is the page's business, and is not repeated.
    const refusal = { code: 'session_expired', action: 'login' };
    world.upstream.answer = () => ({ status: 401, body: refusal });
    assert.deepEqual(await send('POST', '/orders', {}), [401, refusal]);
    assert.equal(world.upstream.seen.length, 1);
    assert.equal(wx.count('login'), 4);
    for (const { headers } of world.upstream.seen) assert.ok(!JSON.stringify(headers).includes('wxg_'));
  });
}

/** The example as a mini-program would run it: bundled, with `globals`, and the gateway where the example's address is. */
async function loaded(file, url, globals) {
  const source = readFileSync(new URL(`../../examples/clients/${file}`, import.meta.url), 'utf8');
  assert.ok(source.includes("'https://api.example.com'"));
  const { outputFiles: [output] } = await build({
    stdin: { contents: source.replace('https://api.example.com', url), resolveDir: modules, sourcefile: file },
    bundle: true,
    format: 'cjs',
    nodePaths: [modules],
    mainFields: ['module', 'main'],
    write: false,
    logLevel: 'error',
  });
  const module = { exports: {} };
  new Function('module', 'exports', ...Object.keys(globals), output.text)(module, module.exports, ...Object.values(globals));
  return module.exports;
}
