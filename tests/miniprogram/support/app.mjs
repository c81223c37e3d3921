// The example on a phone: its files as they were installed, drawn by miniprogram-simulate in a DOM.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JSDOM } from 'jsdom';

const require = createRequire(import.meta.url);
const { window } = new JSDOM('<!doctype html><body></body>', { url: 'https://app.test/' });
for (const name of ['window', 'document', 'Event', 'CustomEvent', 'HTMLElement', 'Element', 'Node', 'navigator']) {
  Object.defineProperty(globalThis, name, { value: name === 'window' ? window : window[name], configurable: true, writable: true });
}
const simulate = require('miniprogram-simulate');

/** Starts the example on `phone`; `config` is what config.js says. */
export function start(context, phone, config) {
  const folder = mkdtempSync(join(tmpdir(), 'wxgate-example-'));
  context.after(() => rmSync(folder, { recursive: true }));
  cpSync(fileURLToPath(new URL('../build/examples/miniprogram', import.meta.url)), folder, { recursive: true });
  // Node looks for packages under another name than WeChat.
  renameSync(join(folder, 'miniprogram_npm'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'config.js'), `module.exports = ${JSON.stringify(config)}`);
  globalThis.wx = phone;

  const opened = [];
  context.after(() => opened.forEach((page) => page.detach()));
  return {
    /** What WeChat does when the app is opened. */
    launch() {
      globalThis.App = (app) => app.onLaunch();
      require(join(folder, 'app.js'));
    },
    /** Opens a page with what stands in the query of its address. */
    open(name, query = {}) {
      const id = simulate.load(join(folder, `pages/${name}/${name}`), name, { compiler: 'simulate', rootPath: folder });
      const page = simulate.render(id, query);
      page.attach(document.createElement('body'));
      opened.push(page);
      // What WeChat does when a page comes into sight.
      page.triggerPageLifeTime('show');
      page.instance.onShow?.();
      return page;
    },
  };
}

/** All text of a page. */
export const text = (page) => page.dom.textContent;

/** The element or component of an id; a component's own elements after its id and a space. */
export function element(page, path) {
  let found = page;
  for (const id of path.split(' ')) {
    found = found.querySelector(`#${id}`);
    assert.ok(found, `there is no ${path} in: ${text(page)}`);
  }
  return found;
}

/** What a template gives an element that WeChat draws. */
export function attribute(component, name) {
  const { attrs } = component.toJSON();
  return attrs.find((attr) => attr.name === name)?.value;
}

/** What WeChat does when something is tapped, typed or granted there. */
export function act(page, path, event = 'tap', detail = {}) {
  element(page, path).dispatchEvent(event, { detail });
}
