// `npm run build`: dist/ holds what is published: JavaScript and declarations, each package with a package.json of its own.
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PACKAGES, type Published, readSource, root } from './packages.ts';

/** Says one sentence on a Node that cannot run the rest. */
const COMMAND = `#!/usr/bin/env node
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write('hauberk: this is Node ' + process.versions.node + ': install Node 24 or later and try again\\n');
  process.exit(69);
}
await import('../src/cli/main.js');
`;

for (const one of PACKAGES) {
  const out = join(root, 'dist', one.folder);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  compile(one, out);
  for (const file of globSync([...one.assets], { cwd: root })) copy(file, join(out, file));
  copy(one.readme, join(out, 'README.md'));
  copy('LICENSE', join(out, 'LICENSE'));
  const manifest = one.manifest(readSource(), readdirSync(join(out, 'src')));
  if ('bin' in manifest) writeCommand(out);
  writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  process.stdout.write(`built dist/${one.folder} (${one.name} ${readSource().version})\n`);
}

function compile({ folder, entry }: Published, out: string): void {
  const config = {
    extends: '../tsconfig.json',
    compilerOptions: {
      ...{ noEmit: false, declaration: true, sourceMap: false, declarationMap: false },
      ...{ outDir: `${folder}/src`, rootDir: '../src', rewriteRelativeImportExtensions: true },
    },
    ...(entry === undefined ? { include: ['../src'] } : { files: [`../${entry}`], include: [] }),
    exclude: ['test', 'harness', 'contract'].map((kind) => `../src/**/*.${kind}.ts`),
  };
  const project = join(root, 'dist', `tsconfig.${folder}.json`);
  writeFileSync(project, JSON.stringify(config));
  const tsc = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', project], { stdio: 'inherit' });
  if (tsc.status !== 0) process.exit(1);
  rmSync(project);
  for (const file of globSync('src/**/*.d.ts', { cwd: out })) nameDeclarations(join(out, file));
}

/** The compiler rewrites the imports of what it emits as JavaScript, and leaves those of declarations, which name files that are not published. */
function nameDeclarations(file: string): void {
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/((?:from|import\()\s*)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2'));
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(join(root, from), to);
}

function writeCommand(out: string): void {
  mkdirSync(join(out, 'bin'), { recursive: true });
  writeFileSync(join(out, 'bin', 'hauberk.js'), COMMAND, { mode: 0o755 });
}
