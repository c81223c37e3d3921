// Makes build/: the example as a developer has it after what its README says, with the client as it is built and packed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('../../../', import.meta.url));
const build = fileURLToPath(new URL('../build/', import.meta.url));
const app = join(build, 'examples/miniprogram');

/** What git knows nothing of: built or installed here, perhaps of another day. */
const isMade = (path) => /[/\\](node_modules|miniprogram_npm|dist|miniprogram_dist|package-lock\.json)$/.test(path);
const copy = (path) => cpSync(join(project, path), join(build, path), { recursive: true, filter: (from) => !isMade(from) });

rmSync(build, { recursive: true, force: true });
for (const path of ['LICENSE-MIT', 'LICENSE-APACHE', 'client', 'examples/miniprogram', 'examples/uni-app']) copy(path);
symlinkSync(join(project, 'client/node_modules'), join(build, 'client/node_modules'));

const npm = (folder, ...args) => execFileSync('npm', args, { cwd: join(build, folder), stdio: ['ignore', 'ignore', 'inherit'] });
npm('client', 'run', 'build');
npm('examples/miniprogram', 'install', '--offline', '--no-audit', '--no-fund', '--loglevel=error');

// "Build npm" of WeChat's developer tools: the folder that the package names, under the package's name.
const { dependencies } = JSON.parse(readFileSync(join(app, 'package.json')));
for (const name of Object.keys(dependencies)) {
  const installed = join(app, 'node_modules', name);
  assert.ok(!lstatSync(installed).isSymbolicLink(), `${name} is a link, which is nothing to WeChat's tools`);
  const { miniprogram } = JSON.parse(readFileSync(join(installed, 'package.json')));
  assert.ok(miniprogram, `${name} is not made for mini-programs`);
  mkdirSync(join(app, 'miniprogram_npm'), { recursive: true });
  cpSync(join(installed, miniprogram), join(app, 'miniprogram_npm', name), { recursive: true });
}
// The pages must do with what was built.
rmSync(join(app, 'node_modules'), { recursive: true });
