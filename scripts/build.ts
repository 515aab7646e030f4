// `npm run build`: dist/hauberk is what is published: JavaScript and declarations, with its own package.json.
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const out = join(root, 'dist', 'hauberk');
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const config = {
  extends: '../tsconfig.json',
  compilerOptions: {
    noEmit: false,
    declaration: true,
    outDir: 'hauberk/src',
    rootDir: '../src',
    rewriteRelativeImportExtensions: true,
    paths: {},
  },
  include: ['../src'],
  exclude: ['../src/**/*.test.ts'],
};
writeFileSync(join(root, 'dist', 'tsconfig.json'), JSON.stringify(config));
const tsc = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', join(root, 'dist/tsconfig.json')], {
  stdio: 'inherit',
});
if (tsc.status !== 0) process.exit(1);
for (const file of globSync('src/**/*.{sql,proto,html,css}', { cwd: root })) cpSync(join(root, file), join(out, file));
writeFileSync(join(out, 'package.json'), JSON.stringify(manifest(), null, 2));
for (const file of ['README.md', 'LICENSE']) cpSync(join(root, file), join(out, file));
mkdirSync(join(out, 'bin'), { recursive: true });
writeFileSync(join(out, 'bin', 'hauberk.js'), "#!/usr/bin/env node\nawait import('../src/cli/main.js');\n", {
  mode: 0o755,
});
process.stdout.write('built dist/hauberk\n');

function manifest(): Record<string, unknown> {
  const source: Record<string, unknown> = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const {
    scripts: _scripts,
    devDependencies: _dev,
    workspaces: _workspaces,
    private: _private,
    imports,
    ...kept
  } = source;
  return {
    ...kept,
    engines: { node: '>=24' },
    bin: { hauberk: 'bin/hauberk.js' },
    imports: JSON.parse(JSON.stringify(imports).replaceAll('.ts"', '.js"')),
    exports: {
      './sdk': { types: './src/sdk/index.d.ts', default: './src/sdk/index.js' },
      './package.json': './package.json',
    },
  };
}
