// What WeChat's developer tools would complain of, and what nobody would before a page is opened: told from the files.

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';

const require = createRequire(import.meta.url);

/** WeChat's own tags that the example uses. */
const BUILT_IN = ['block', 'button', 'form', 'image', 'input', 'navigator', 'open-data', 'text', 'view'];

/** The files of a page or component. */
const PARTS = ['.js', '.json', '.wxml', '.wxss'];

/** Words in an expression that name no data. */
const WORDS = ['true', 'false', 'null', 'item', 'index'];

/** Everything that is wrong with the mini-program in `folder`, each in a line. */
export function faults(folder) {
  const found = [];
  const files = walk(folder).map((path) => relative(folder, path));
  const read = (path) => readFileSync(join(folder, path), 'utf8');
  const json = {};
  for (const path of files.filter((path) => path.endsWith('.json'))) {
    try {
      json[path] = JSON.parse(read(path));
    } catch (error) {
      found.push(`${path}: no JSON`);
      json[path] = {};
    }
  }

  const project = json['project.config.json'] ?? {};
  if (project.compileType !== 'miniprogram') found.push('project.config.json: compileType is not miniprogram');
  if (project.setting?.urlCheck !== false) found.push('project.config.json: urlCheck is not off');
  if (!/^(touristappid|wx[0-9a-f]{16})$/.test(project.appid)) found.push('project.config.json: no appid');
  if (!existsSync(join(folder, project.miniprogramRoot ?? '', 'app.json'))) found.push('project.config.json: no app.json there');

  const { pages = [], sitemapLocation } = json['app.json'] ?? {};
  if (!json[sitemapLocation]) found.push('app.json: the sitemap is missing');
  const used = new Set(pages);
  for (const page of pages) for (const end of PARTS) if (!files.includes(page + end)) found.push(`app.json: ${page}${end} is missing`);

  for (const path of files.filter((path) => path.endsWith('.wxml'))) {
    const name = path.slice(0, -'.wxml'.length);
    const tags = parsed(read(path));
    if (!tags) found.push(`${path}: tags that do not close`);

    // Components: declared where they are used, used where they are declared, and there.
    const using = json[`${name}.json`]?.usingComponents ?? {};
    for (const [tag, to] of Object.entries(using)) {
      const component = join(name, '..', to);
      used.add(component);
      for (const end of PARTS) if (!files.includes(component + end)) found.push(`${name}.json: ${component}${end} is missing`);
      if (json[`${component}.json`]?.component !== true) found.push(`${name}.json: ${component} is no component`);
      if (!tags?.some((other) => other.tag === tag)) found.push(`${name}.json: ${tag} is not used`);
    }
    for (const { tag } of tags ?? []) if (!BUILT_IN.includes(tag) && !using[tag]) found.push(`${path}: <${tag}> is not declared`);

    // What the template asks of its code.
    const made = definition(join(folder, `${name}.js`));
    if (!made) {
      found.push(`${name}.js: no Component(…)`);
      continue;
    }
    const fields = [...Object.keys(made.data ?? {}), ...Object.keys(made.properties ?? {})];
    const styles = [...`${read('app.wxss')}${files.includes(`${name}.wxss`) ? read(`${name}.wxss`) : ''}`.matchAll(/\.([a-z][\w-]*)/g)].map(([, name]) => name);
    for (const { attributes } of tags ?? []) {
      for (const [attribute, value] of attributes) {
        if (/^(bind|catch)/.test(attribute) && typeof made.methods?.[value] !== 'function') found.push(`${path}: ${attribute}="${value}" has no method`);
        if (attribute === 'class') for (const name of value.replace(/\{\{.*?\}\}/g, '').split(/\s+/)) if (name && !styles.includes(name)) found.push(`${path}: .${name} has no style`);
      }
    }
    for (const [, expression] of read(path).matchAll(/\{\{(.*?)\}\}/g)) {
      const names = expression.replace(/'[^']*'/g, '').matchAll(/(?<![\w.])[a-z]\w*/gi);
      for (const [name] of names) if (!WORDS.includes(name) && !fields.includes(name)) found.push(`${path}: there is no data named ${name}`);
    }
  }

  for (const path of files.filter((path) => path.endsWith('.wxml'))) {
    const name = path.slice(0, -'.wxml'.length);
    if (!used.has(name)) found.push(`${name}: no page of app.json, and no component of one`);
  }
  for (const path of files.filter((path) => /\.(js|wxml)$/.test(path))) {
    const text = read(path);
    for (const [, page] of text.matchAll(/['"]\/(pages\/[\w/-]+)/g)) if (!pages.includes(page)) found.push(`${path}: ${page} is no page`);
    if (/wx\.login|session_?key/i.test(text)) found.push(`${path}: signing in is the client's affair, and the key the gateway's`);
  }
  return found;
}

/** All files below, but for what is installed. */
function walk(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (!statSync(path).isDirectory()) return [path];
    return name === 'node_modules' || name === 'miniprogram_npm' ? [] : walk(path);
  });
}

/** The tags of a template with their attributes; `undefined` if they are not well nested. */
function parsed(text) {
  const tags = [];
  const open = [];
  for (const [, end, tag, rest, alone] of text.matchAll(/<(\/?)([a-z-]+)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*(\/?)>/g)) {
    if (end) {
      if (open.pop() !== tag) return undefined;
      continue;
    }
    if (!alone) open.push(tag);
    tags.push({ tag, attributes: [...rest.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]) });
  }
  return open.length || (text.match(/</g) ?? []).length !== tags.length + (text.match(/<\//g) ?? []).length ? undefined : tags;
}

/** What a file gives to `Component`. */
function definition(path) {
  let given;
  const { Component } = globalThis;
  globalThis.Component = (definition) => (given = definition);
  try {
    require(path);
  } finally {
    globalThis.Component = Component;
  }
  return given;
}
