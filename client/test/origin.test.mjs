// The credential goes to the gateway's origin and to no other, however the address is written.

import assert from 'node:assert/strict';
import test from 'node:test';
import { createClient } from 'wxgate-client';
import { bed, service } from './support/bed.mjs';
import { fakeWx } from './support/wx.mjs';

/** A phone that has a token, and notes what would be sent where. */
function phone(baseUrl) {
  const sent = [];
  const answer = (api) => (options) => {
    sent.push({ api, url: options.url, credential: options.header?.Authorization });
    options.success?.({ statusCode: 200, data: {}, header: {} });
    return {};
  };
  const adapter = {
    request: answer('request'),
    uploadFile: answer('uploadFile'),
    downloadFile: answer('downloadFile'),
    connectSocket: answer('connectSocket'),
    login: () => assert.fail('nobody has to log in here'),
    getStorageSync: () => 'wxg_token',
    setStorageSync() {},
  };
  return { sent, client: createClient({ baseUrl, adapter }) };
}

const BASE = 'https://api.example.com';

/** What is ours, and as what it is sent. */
const OURS = [
  ['/orders', '/orders'],
  ['orders', '/orders'],
  ['', '/'],
  ['?page=2', '/?page=2'],
  ['/orders?to=https://evil.example/', '/orders?to=https://evil.example/'],
  ['https://api.example.com/orders', '/orders'],
  ['https://api.example.com', '/'],
  ['https://api.example.com?page=2', '/?page=2'],
  ['https://api.example.com#top', '/#top'],
  ['HTTPS://API.Example.COM/orders', '/orders'],
  ['https://api.example.com:443/orders', '/orders'],
  ['//api.example.com/orders', '/orders'],
  ['wss://api.example.com/live', '/live'],
  // Read as another host by some parser or other; written anew, every one of them finds ours.
  ['https://api.example.com\\@evil.example/', '/\\@evil.example/'],
  ['https://api.example.com?@evil.example/', '/?@evil.example/'],
  ['https://api.example.com#@evil.example/', '/#@evil.example/'],
  ['/\\evil.example/', '/\\evil.example/'],
  ['\\\\evil.example/', '/\\\\evil.example/'],
  ['https:evil.example/', '/https:evil.example/'],
  ['https:/evil.example/', '/https:/evil.example/'],
  [' https://evil.example/', '/ https://evil.example/'],
  ['\thttps://evil.example/', '/\thttps://evil.example/'],
  ['ht\ntps://evil.example/', '/ht\ntps://evil.example/'],
  ['javascript:alert(1)', '/javascript:alert(1)'],
];

const FOREIGN = [
  'https://evil.example/',
  'https://api.example.com.evil.example/',
  'https://evil.example/api.example.com/',
  'https://evilapi.example.com/',
  'https://example.com/',
  'https://sub.api.example.com/',
  'https://api.example.com./orders',
  'https://api.example.com@evil.example/orders',
  'https://user@api.example.com/orders',
  'https://user:api.example.com@evil.example/',
  'https://api.example.com:8443/orders',
  'https://api.example.com:80/orders',
  'https://api.example.com:443@evil.example/',
  'https://api.example.com:/orders',
  'http://api.example.com/orders',
  'http://api.example.com:443/orders',
  'ws://api.example.com/live',
  '//evil.example/orders',
  '//api.example.com@evil.example/orders',
  'https:///evil.example/',
  'https://%61pi.example.com/orders',
  'https://api.example.com%2f@evil.example/',
  'https://api.example.com\t.evil.example/',
  'https://api。example.com/orders',
  'https://api.example.com／@evil.example/',
  'https://xn--api.example.com/',
];

for (const api of ['request', 'uploadFile', 'downloadFile']) {
  test(`${api} shows the credential to the gateway alone`, async () => {
    const { sent, client } = phone(BASE);
    for (const [url, path] of OURS) {
      sent.length = 0;
      await client[api]({ url, filePath: 'f', name: 'n' });
      assert.deepEqual(sent, [{ api, url: BASE + path, credential: 'Bearer wxg_token' }], JSON.stringify(url));
    }
    for (const url of FOREIGN) {
      sent.length = 0;
      await client[api]({ url, filePath: 'f', name: 'n' });
      assert.deepEqual(sent, [{ api, url, credential: undefined }], JSON.stringify(url));
    }
  });
}

test('connectSocket shows the credential to the gateway alone', async () => {
  const { sent, client } = phone(BASE);
  for (const [url, path] of OURS) {
    sent.length = 0;
    await client.connectSocket({ url });
    assert.deepEqual(sent[1], { api: 'connectSocket', url: `wss://api.example.com${path}`, credential: 'Bearer wxg_token' }, url);
    assert.equal(sent[0].url, `${BASE}/wxgate/session`);
  }
  for (const url of FOREIGN) {
    sent.length = 0;
    await client.connectSocket({ url });
    assert.deepEqual(sent, [{ api: 'connectSocket', url: url.replace(/^http/, 'ws'), credential: undefined }], url);
  }
});

test('every address with the credential has our host in it, by the URL class too', async () => {
  const { sent, client } = phone(BASE);
  for (const url of [...OURS.map(([url]) => url), ...FOREIGN]) await client.request({ url });
  const shown = sent.filter((call) => call.credential);
  assert.equal(shown.length, OURS.length);
  for (const { url } of shown) assert.equal(new URL(url).origin, BASE, url);
});

test('the base may have a port, a path and a slash at its end, and be plain http on a developer’s machine', async () => {
  for (const [baseUrl, url, expected] of [
    ['https://api.example.com/', '/orders', 'https://api.example.com/orders'],
    ['https://api.example.com/shop/', 'orders', 'https://api.example.com/shop/orders'],
    ['https://api.example.com/shop', 'https://api.example.com/other', 'https://api.example.com/other'],
    ['http://127.0.0.1:8080', '/orders', 'http://127.0.0.1:8080/orders'],
    ['http://[::1]:8080', '/orders', 'http://[::1]:8080/orders'],
    ['HTTPS://Api.Example.com:443', 'https://api.example.com/orders', 'https://api.example.com:443/orders'],
  ]) {
    const { sent, client } = phone(baseUrl);
    await client.request({ url });
    assert.deepEqual(sent, [{ api: 'request', url: expected, credential: 'Bearer wxg_token' }], baseUrl);
  }
});

test('a base that is no plain address is refused at once', () => {
  for (const baseUrl of ['', 'api.example.com', '//api.example.com', 'ftp://api.example.com', 'https://', 'https://u@api.example.com', 'https://api.example.com/?a', 'https://api.example.com\\x']) {
    assert.throws(() => createClient({ baseUrl }), { name: 'WxgateError', code: 'bad_base_url', action: 'fix' }, baseUrl);
  }
});

test('our header takes the place of any other under its name, in whatever case', async () => {
  const headers = [];
  const adapter = {
    request: (options) => (headers.push(options.header), options.success({ statusCode: 200, data: {} })),
    getStorageSync: () => 'wxg_token',
  };
  await createClient({ baseUrl: BASE, adapter }).request({ url: '/', header: { authorization: 'Bearer old', 'X-A': 'a' } });
  await createClient({ baseUrl: BASE, adapter, header: 'X-Session' }).request({ url: '/', header: { Authorization: 'Basic b' } });
  assert.deepEqual(headers, [
    { 'X-A': 'a', Authorization: 'Bearer wxg_token' },
    { Authorization: 'Basic b', 'X-Session': 'Bearer wxg_token' },
  ]);
});

test('`redirect: "manual"` and every other option of wx arrives at wx', async () => {
  const seen = [];
  const adapter = { request: (options) => (seen.push(options), options.success({ statusCode: 302, data: '' })), getStorageSync: () => 'wxg_token' };
  const client = createClient({ baseUrl: BASE, adapter });
  const answer = await client.request({ url: '/', redirect: 'manual', timeout: 5, enableHttp2: true });
  assert.equal(answer.statusCode, 302);
  assert.deepEqual([seen[0].redirect, seen[0].timeout, seen[0].enableHttp2], ['manual', 5, true]);
});

test('on the wire, another port of the same host sees no credential', async (context) => {
  const world = await bed(context);
  const elsewhere = await service(context);
  const client = createClient({ baseUrl: world.url, adapter: fakeWx(world) });
  await client.request({ url: '/' });
  const token = new URL(elsewhere.url);
  for (const url of [elsewhere.url, `http://user@127.0.0.1:${token.port}/`]) await client.request({ url });
  assert.equal(elsewhere.seen.length, 2);
  for (const { headers } of elsewhere.seen) assert.ok(!JSON.stringify(headers).includes('wxg_'));
});
