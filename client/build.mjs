// Builds what the package ships: one file for each way of loading it, the types of its interface, and the licences.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
process.chdir(here);
for (const folder of ['dist', 'miniprogram_dist']) rmSync(folder, { recursive: true, force: true });

// ES2018 is what every WeChat that still gets updates runs as it stands.
const common = { bundle: true, minify: true, charset: 'utf8', target: 'es2018', logLevel: 'warning' };

await build({ ...common, entryPoints: ['src/index.ts'], format: 'esm', outfile: 'dist/index.mjs' });

// `export =` makes plain `module.exports`, without the helpers that a third of a kilobyte goes into.
const commonJs = `import { createClient, WxgateError } from './index.js'; export = { createClient, WxgateError };`;
const stdin = { contents: commonJs, loader: 'ts', resolveDir: `${here}/src`, sourcefile: 'common.ts' };
await build({ ...common, stdin, format: 'cjs', outfile: 'dist/index.js' });

// WeChat's IDE copies this folder as it is ("Build npm").
mkdirSync('miniprogram_dist');
copyFileSync('dist/index.js', 'miniprogram_dist/index.js');

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { stdio: 'inherit' });
// The types of what nobody outside can reach stay here.
for (const inner of ['message', 'origin', 'phone', 'platform', 'problem', 'session']) rmSync(`dist/${inner}.d.ts`);
writeFileSync('dist/index.d.mts', `export * from './index.js';\n`);

for (const licence of ['LICENSE-MIT', 'LICENSE-APACHE']) copyFileSync(`../${licence}`, licence);
