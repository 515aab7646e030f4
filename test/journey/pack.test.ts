import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const home = mkdtempSync(join(tmpdir(), 'pk-'));
// npm finds its configuration beside the Node that it was installed with, so it is found on PATH as the user's own.
const env = {
  ...process.env,
  PATH: `${process.env.PATH ?? ''}:${dirname(process.execPath)}`,
  XDG_RUNTIME_DIR: join(home, 'run'),
};
const TSC = join(root, 'node_modules', '.bin', 'tsc');
const ID = 'spiffe://td/service';

after(() => rmSync(home, { recursive: true, force: true }));
before(() => {
  mkdirSync(at('run'));
  run(process.execPath, [join(root, 'scripts', 'build.ts')], root);
  install('hauberk');
  install('hauberk-sdk');
});

function tryRun(command: string, args: readonly string[], cwd: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, output } = tryRun(command, args, cwd);
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${output}`);
  return output;
}

/** Packs dist/<folder> and installs the tarball in an empty project of that name. */
function install(folder: string): void {
  const project = at(folder);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{"private":true,"type":"module"}');
  const packed = run('npm', ['pack', join(root, 'dist', folder), '--pack-destination', home, '--silent'], home);
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'];
  run('npm', ['install', join(home, packed.trim().split('\n').at(-1) ?? ''), ...quiet], project);
}

function at(...parts: string[]): string {
  return join(home, ...parts);
}

/** The project's own program, run by plain Node. */
function program(project: string, text: string): string {
  return run(process.execPath, ['--input-type=module', '-e', text], at(project)).trim();
}

for (const [project, name] of [
  ['hauberk', 'hauberk'],
  ['hauberk-sdk', '@hauberk/sdk'],
] as const) {
  const installed = (): string => at(project, 'node_modules', name);

  test(`${name}: holds JavaScript and declarations, licence and readme; no source, test or path of the machine that built it`, () => {
    const files = globSync('**/*', { cwd: installed() }).filter(
      (file) => /\.\w+$/.test(file) && !file.startsWith('node_modules'),
    );
    const odd = files.filter((file) => /(?<!\.d)\.ts$|\.map$|\.(?:test|harness)\.|tsconfig/.test(file));
    assert.deepEqual(odd, []);
    for (const file of ['LICENSE', 'README.md', 'package.json']) assert.ok(existsSync(join(installed(), file)), file);
    const manifest = JSON.parse(readFileSync(join(installed(), 'package.json'), 'utf8'));
    assert.deepEqual(
      [manifest.name, manifest.license, manifest.engines, manifest.type, manifest.devDependencies, manifest.scripts],
      [name, 'Apache-2.0', { node: '>=24' }, 'module', undefined, undefined],
    );
    for (const file of files.filter((one) => /\.(?:js|ts|json)$/.test(one))) {
      const text = readFileSync(join(installed(), file), 'utf8');
      assert.ok(!text.includes(root) && !text.includes('sourceMappingURL'), file);
    }
  });

  test(`${name}: its types resolve and say what is wrong`, () => {
    const specifier = name === 'hauberk' ? 'hauberk/sdk' : name;
    // What a service of that kind has anyway: the types of Node.
    mkdirSync(at(project, 'node_modules', '@types'), { recursive: true });
    for (const types of ['@types/node', 'undici-types'])
      if (!existsSync(at(project, 'node_modules', types)))
        symlinkSync(join(root, 'node_modules', types), at(project, 'node_modules', types));
    const options = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, types: ['node'] };
    const check = (body: string): { status: number | null; output: string } => {
      writeFileSync(
        at(project, 'service.ts'),
        `import { connectWorkload, type Handler } from '${specifier}';\n${body}`,
      );
      writeFileSync(at(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['service.ts'] }));
      return tryRun(TSC, ['-p', '.'], at(project));
    };
    const handler =
      'const handler: Handler = async ({ authority }) => ({ body: authority.user?.spiffeId ?? authority.workload });';
    const sound = check(`${handler}\nawait (await connectWorkload({ timeoutMillis: 2000 })).serve(handler);\n`);
    assert.deepEqual(sound, { status: 0, output: '' });
    assert.match(check("await connectWorkload({ timeoutMillis: 'soon' });\n").output, /TS2322/);
    assert.match(check('(await connectWorkload()).nothing();\n').output, /TS2339/);
  });
}

test('the SDK installs itself and the protobuf reader, and nothing else', () => {
  const installed = readdirSync(at('hauberk-sdk', 'node_modules')).filter(
    (name) => !/^\.|^@types$|^undici-types$/.test(name),
  );
  assert.deepEqual(installed.sort(), ['@bufbuild', '@hauberk']);
  assert.deepEqual(readdirSync(at('hauberk-sdk', 'node_modules', '@bufbuild')), ['protobuf']);
});

test('the command says its version, its commands, and what is wrong; by npx too, unless the Node there is too old', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const command = at('hauberk', 'node_modules', 'hauberk', 'bin', 'hauberk.js');
  const hauberk = (...args: readonly string[]): string => run(process.execPath, [command, ...args], at('hauberk'));
  assert.equal(hauberk('--version').trim(), version);
  assert.match(hauberk('--help'), /\bup\b[\s\S]*\bwhy\b/);
  const missing = tryRun(process.execPath, [command, 'up', 'missing.yaml'], at('hauberk'));
  assert.notEqual(missing.status, 0);
  assert.match(missing.output, /CONFIG_UNREADABLE/);
  const byNpx = tryRun('npx', ['--no-install', 'hauberk', '--version'], at('hauberk')).output.trim();
  const major = Number(/^v(\d+)/.exec(tryRun('node', ['--version'], home).output)?.[1]);
  if (major >= 24) assert.equal(byNpx, version);
  else assert.match(byNpx, /^hauberk: this is Node \d+\.\d+\.\d+: install Node 24 or later and try again$/);
});

test('what was installed brings up server and agent, and either SDK gets its identity there', async () => {
  const v1 = 'apiVersion: hauberk.dev/v1\nkind:';
  const environment = `${v1} Environment\nmetadata: { name: p }\nspec: { documents: [documents.yaml], processes: [] }\n`;
  const entry = `{ spiffeId: '${ID}', parentId: 'spiffe://td/node/local', selectors: ['unix:uid:${userInfo().uid}'] }`;
  const documents = [
    `${v1} TrustDomain\nmetadata: { name: td }\nspec: { namespaces: [td] }\n`,
    `${v1} Entry\nmetadata: { name: service, trustDomain: td }\nspec: ${entry}\n`,
  ];
  writeFileSync(at('hauberk', 'hauberk.yaml'), environment);
  writeFileSync(at('hauberk', 'documents.yaml'), documents.join('---\n'));
  const command = at('hauberk', 'node_modules', 'hauberk', 'bin', 'hauberk.js');
  const up = spawn(process.execPath, [command, 'up', 'hauberk.yaml'], { cwd: at('hauberk'), env, stdio: 'pipe' });
  let said = '';
  for (const stream of [up.stdout, up.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
  const ended = once(up, 'exit');
  try {
    const socketPath = at('run', 'hauberk', 'p', 'agent', 'workload.sock');
    for (const [project, specifier] of [
      ['hauberk', 'hauberk/sdk'],
      ['hauberk-sdk', '@hauberk/sdk'],
    ] as const) {
      const text = `import { connectWorkload } from '${specifier}';
        const workload = await connectWorkload({ socketPath: ${JSON.stringify(socketPath)}, timeoutMillis: 40_000 });
        console.log(String(workload.id)); await workload.close();`;
      assert.equal(program(project, text), ID, said);
    }
  } finally {
    up.kill('SIGTERM');
    await ended;
  }
});

test('without an agent the SDK says what it looked for', () => {
  const text = `import { connectWorkload } from '@hauberk/sdk';
    await connectWorkload().catch(({ code }) => console.log(code));
    await connectWorkload({ socketPath: '/nowhere.sock', timeoutMillis: 2000 }).catch(({ code }) => console.log(code));`;
  assert.equal(program('hauberk-sdk', text), 'CONFIG_INVALID\nAGENT_SOCKET_MISSING');
});
