// The real gateway between the real mock WeChat and a service that records what reaches it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { accept, frame, frames } from './frame.mjs';

export const APPID = 'wx0123456789abcdef';

const WXGATE = process.env.WXGATE ?? fileURLToPath(new URL('../../../target/debug/wxgate', import.meta.url));
assert.ok(existsSync(WXGATE), `${WXGATE} is missing: run \`cargo build\` first, or name it in WXGATE`);
const PATIENCE = 20_000;

const ROUTES = `
[[route]]
path = "/"
to = "{upstream}"
[[route]]
path = "/phone-only"
require = "phone"
to = "{upstream}"
`;

/** Starts everything; `after` is the test context, which ends it. `top` are keys and sections of gateway.toml. */
export async function bed(after, top = '') {
  const folder = mkdtempSync(join(tmpdir(), 'wxgate-client-'));
  after.after(() => rmSync(folder, { recursive: true }));
  const upstream = await service(after);
  const said = [];
  const mock = await wxgate(after, ['mock', '--listen', '127.0.0.1:0'], /played by wxgate, at (http:\S+)/, said);
  const config = join(folder, 'gateway.toml');
  writeFileSync(
    config,
    `listen = ["127.0.0.1:0"]
workers = 1
${top}
[admin]
listen = ""
[log]
access = false
[wechat]
api = ["${mock}"]
[[app]]
appid = "${APPID}"
secret = { env = "WX_SECRET" }
${ROUTES.replaceAll('{upstream}', upstream.url)}`,
  );
  const address = await wxgate(after, ['run', '-c', config], /"ready","listen":"([^"]+)"/, said);
  const url = `http://${address}`;

  /** An order to the mock's control API. */
  const order = async (path, body = {}) => {
    const { status, json } = await send(`${mock}/mock/${path}`, 'POST', body);
    assert.equal(status, 200, `${path}: ${JSON.stringify(json)}`);
    return json;
  };
  /** How often WeChat was asked for `api`. */
  const calls = async (api) => (await send(`${mock}/mock/calls`, 'GET')).json[api].calls;
  /** Ends all sessions of `openid`: the next call with one of their tokens is `session_expired`. */
  const signOutElsewhere = async (openid) => {
    const { code } = await order('login-code', { openid });
    const { json } = await send(`${url}/wxgate/login`, 'POST', { code });
    const gone = await send(`${url}/wxgate/logout`, 'POST', { everywhere: true }, { Authorization: `Bearer ${json.token}` });
    assert.equal(gone.status, 204);
  };
  return { url, mock, folder, upstream, said, order, calls, signOutElsewhere };
}

/** A service that records what it was asked, and answers what `answer` says. */
export async function service(after) {
  const seen = [];
  const self = { seen, answer: (request) => ({ status: 200, body: { openid: request.headers['x-wx-openid'] ?? null } }) };
  const server = http.createServer(async (incoming, outgoing) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const request = {
      method: incoming.method,
      url: incoming.url,
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString('latin1'),
    };
    seen.push(request);
    const { status = 200, headers = {}, body } = await self.answer(request);
    outgoing.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    outgoing.end(JSON.stringify(body));
  });
  server.on('upgrade', (incoming, socket, head) => {
    seen.push({ method: incoming.method, url: incoming.url, headers: incoming.headers });
    socket.on('error', () => {});
    const key = accept(incoming.headers['sec-websocket-key']);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`,
    );
    // It sends everything back.
    frames(socket, head, (opcode, payload) => socket.write(frame(opcode, payload, false)));
    after.after(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  /** Ends it, and every exchange with it. */
  self.close = () => {
    server.closeAllConnections();
    server.close();
  };
  after.after(self.close);
  self.url = `http://127.0.0.1:${server.address().port}`;
  return self;
}

/** A command of wxgate until the test is over; what `sign` captures of what it says, all of which goes to `heard`. */
export async function wxgate(after, args, sign, heard = []) {
  const child = spawn(WXGATE, args, {
    env: { ...process.env, WX_SECRET: '0f1e2d3c4b5a69788796a5b4c3d2e1f0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  after.after(async () => {
    child.kill();
    await ended;
  });
  let said = '';
  const found = new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${sign} was not said:\n${said}`)), PATIENCE);
    const hear = (chunk) => {
      said += chunk;
      heard.push(String(chunk));
      const match = sign.exec(said);
      if (match) {
        clearTimeout(late);
        resolve(match[1]);
      }
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    ended.then(() => reject(new Error(`wxgate ended:\n${said}`)));
  });
  return found;
}

/** Waits until `holds` does, which must be soon. */
export async function until(holds) {
  const end = Date.now() + PATIENCE;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `it did not come about: ${holds}`);
    await new Promise(setImmediate);
  }
}

async function send(url, method, body, headers = {}) {
  const answer = await fetch(url, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, json: text ? JSON.parse(text) : undefined };
}
