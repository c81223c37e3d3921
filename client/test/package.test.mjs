// The package as others get it: its size, its content, the ways of loading it, its types.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const manifest = JSON.parse(read('package.json'));
const LOADED = ['dist/index.mjs', 'dist/index.js', 'miniprogram_dist/index.js'];

test('each way of loading it costs less than 4 KB, compressed', () => {
  for (const file of LOADED) {
    const { length } = gzipSync(read(file), { level: 9 });
    assert.ok(length < 4096, `${file}: ${length} bytes`);
  }
});

test('a package holds what it should and nothing else', () => {
  const [pack] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] }));
  assert.deepEqual(pack.files.map((file) => file.path).sort(), [
    'LICENSE-APACHE',
    'LICENSE-MIT',
    'README.md',
    'README.zh-CN.md',
    'dist/client.d.ts',
    'dist/error.d.ts',
    'dist/index.d.mts',
    'dist/index.d.ts',
    'dist/index.js',
    'dist/index.mjs',
    'dist/types.d.ts',
    'miniprogram_dist/index.js',
    'package.json',
  ]);
});

test('it depends on nothing', () => {
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies']) assert.equal(manifest[kind], undefined);
  for (const file of LOADED) assert.doesNotMatch(read(file), /\brequire\(|\bimport\b/, file);
});

test('it asks the language for nothing that a mini-program lacks', () => {
  for (const file of LOADED) {
    assert.doesNotMatch(read(file), /\b(new URL|fetch|XMLHttpRequest|window|document|globalThis|process|Buffer|TextDecoder|setTimeout)\b/, file);
    assert.doesNotMatch(read(file), /\?\.|\?\?/, `${file} is newer than ES2018`);
  }
});

test('it can be imported where there is no wx, in each way, and says what is missing when it is used', async () => {
  const check = `
    if (typeof wx !== 'undefined') throw new Error('there is a wx');
    const client = createClient({ baseUrl: 'https://api.example.com' });
    client.request({ url: '/' }).catch((error) => console.log(error.code, error.action, error instanceof WxgateError));`;
  for (const [kind, load] of [
    ['module', `import { createClient, WxgateError } from 'wxgate-client';`],
    ['commonjs', `const { createClient, WxgateError } = require('wxgate-client');`],
    ['commonjs', `const { createClient, WxgateError } = require('./miniprogram_dist/index.js');`],
  ]) {
    const { stdout, stderr } = spawnSync(process.execPath, [`--input-type=${kind}`, '--eval', load + check], { cwd: root, encoding: 'utf8' });
    assert.equal(stdout, 'no_adapter fix true\n', stderr);
  }
});

test('a wx that comes later is found', async (context) => {
  const { createClient } = createRequire(import.meta.url)('wxgate-client');
  const client = createClient({ baseUrl: 'https://api.example.com' });
  globalThis.wx = { getStorageSync: () => 'wxg_token', request: (options) => options.success({ statusCode: 200, data: 'here' }) };
  context.after(() => delete globalThis.wx);
  assert.equal((await client.request({ url: '/' })).data, 'here');
});

test("a page in strict TypeScript compiles against WeChat's own types, and mistakes do not", () => {
  const compiled = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'test/types'], { cwd: root, encoding: 'utf8' });
  assert.equal(compiled.stdout + compiled.stderr, '');
  assert.equal(compiled.status, 0);
});

test('the types are found from ES modules and from CommonJS', () => {
  const compiled = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'test/types/node'], { cwd: root, encoding: 'utf8' });
  assert.equal(compiled.stdout + compiled.stderr, '');
  assert.equal(compiled.status, 0);
  const { exports: { '.': ways } } = manifest;
  for (const way of Object.values(ways)) for (const path of Object.values(way)) read(path);
  for (const field of ['main', 'module', 'types']) read(manifest[field]);
  assert.deepEqual(readdirSync(new URL(`../${manifest.miniprogram}`, import.meta.url)), ['index.js']);
});

test('the lock file names no registry', () => {
  assert.doesNotMatch(read('package-lock.json'), /"resolved"/);
});
