import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, fchownSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { type Closeable, Fault, LIMITS, type Log, type Random, systemRandom } from '#kernel';
import { type Account, asAccount, findAccount } from './account.ts';
import { findBinaries } from './binaries.ts';
import {
  type DataDirectory,
  logTail,
  prepareDataDirectory,
  SUPERUSER,
  serverEnvironment,
  writeAccess,
} from './data-directory.ts';
import { LEASE_SCRIPT } from './lease.ts';
import { TLS_HBA, type TlsListen, tlsSettings } from './tls-listen.ts';

export interface PostgresOptions {
  /** Directory of the server; made if missing. Its data survive. */
  readonly dir: string;
  readonly log: Log;
  readonly random?: Random;
  /** Beside the fixed environment of the server: nothing is inherited. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Beside the Unix socket. Default: no port at all. */
  readonly listen?: TlsListen;
  /** Directory of another PostgreSQL's `initdb` and `postgres`. Default: the one from the npm registry. */
  readonly bin?: string;
}

export interface RunningPostgres extends Closeable {
  readonly socketDir: string;
  /** Part of the socket's name; a port that is opened has it too. */
  readonly port: number;
  readonly superuser: string;
  readonly passwordFile: string;
  readonly logFile: string;
  readonly pid: number;
}

const PORT = 5432;
const READY_MILLIS = 30_000;
const FREE_MILLIS = 6_000;

/**
 * Starts a real PostgreSQL server on a Unix socket in a directory that only its account may enter. The server ends with its starter,
 * however that ends. Throws `PLATFORM_UNSUPPORTED`, `PROCESS_FAILED`, `SOCKET_PATH_TOO_LONG` or `DIRECTORY_UNWRITABLE`.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const dir = resolve(options.dir);
  assertSocketPath(socketPath(join(dir, 'socket')));
  const account = findAccount();
  const { bin } = options.bin === undefined ? findBinaries(dir) : { bin: options.bin };
  const port = options.listen?.port ?? PORT;
  const place = prepareDataDirectory(dir, bin, account, options.random ?? systemRandom);
  const tls = options.listen === undefined ? {} : tlsSettings(place, account, options.listen);
  writeAccess(place, options.listen === undefined ? '' : TLS_HBA);
  await untilFree(place.data);
  const before = serverIdentity(place.data);
  const leader = spawnServer(place, join(bin, 'postgres'), account, {
    port,
    tls,
    environment: options.environment ?? {},
  });
  const ended = new Promise<void>((done) => leader.once('close', () => done()));
  const close = async (): Promise<void> => {
    // Its end is waited for, also where nothing else keeps this process going.
    leader.ref();
    leader.stdio[3]?.destroy();
    await ended;
  };
  try {
    await untilReady(place, leader, before, port);
  } catch (error) {
    await close();
    throw error;
  }
  const pid = serverPid(place.data) ?? leader.pid ?? 0;
  options.log.info('postgres is ready', { pid, socketDir: place.socketDir });
  const { socketDir, passwordFile, logFile } = place;
  return { socketDir, port, superuser: SUPERUSER, passwordFile, logFile, pid, close };
}

function spawnServer(
  place: DataDirectory,
  postgres: string,
  account: Account,
  more: {
    readonly port: number;
    readonly tls: Readonly<Record<string, string>>;
    readonly environment: Readonly<Record<string, string>>;
  },
): ChildProcess {
  const settings = {
    listen_addresses: '',
    unix_socket_directories: place.socketDir,
    unix_socket_permissions: '0700',
    password_encryption: 'scram-sha-256',
    log_connections: 'off',
    log_statement: 'none',
    log_min_error_statement: 'panic',
    log_parameter_max_length_on_error: '0',
    log_line_prefix: '%m [%p] %q%u ',
    max_connections: '230',
    shared_buffers: '16MB',
    jit: 'off',
    max_wal_size: '128MB',
    row_security: 'on',
    ...more.tls,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const command = asAccount(
    account,
    [place.data, postgres],
    [postgres, '-D', place.data, '-p', `${more.port}`, ...flags],
  );
  const log = openSync(place.logFile, 'a', 0o600);
  if (account.lent) fchownSync(log, account.uid, account.gid);
  const leader = spawn('/bin/sh', ['-c', LEASE_SCRIPT, 'sh', ...command], {
    stdio: ['ignore', log, log, 'pipe'],
    detached: true,
    env: { ...serverEnvironment(), ...more.environment },
    cwd: '/',
  });
  closeSync(log);
  leader.unref();
  return leader;
}

/** A server whose starter has just been killed needs a moment to end. */
async function untilFree(data: string): Promise<void> {
  const until = performance.now() + FREE_MILLIS;
  for (let pid = serverPid(data); pid !== undefined && isAlive(pid); pid = serverPid(data)) {
    if (performance.now() > until) return;
    await new Promise((next) => setTimeout(next, 50));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function untilReady(place: DataDirectory, leader: ChildProcess, before: string, port: number): Promise<void> {
  const until = performance.now() + READY_MILLIS;
  while (performance.now() < until) {
    if (leader.exitCode !== null || leader.signalCode !== null) break;
    // A server that was killed leaves its file saying `ready`, and its children its socket, for a moment: that is not the new one.
    const isNew = serverIdentity(place.data) !== before;
    if (isNew && isReadyLine(place.data) && (await accepts(socketPath(place.socketDir, port)))) return;
    await new Promise((next) => setTimeout(next, 20));
  }
  throw new Fault('PROCESS_FAILED', 'the PostgreSQL server did not start', {
    details: { log: logTail(place.logFile) },
  });
}

/** `postmaster.pid`: its first line is the pid, its eighth the state. */
function pidFile(data: string): readonly string[] {
  const file = join(data, 'postmaster.pid');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
}

/** Pid and start time (first and third line): which run of the server the file speaks of. Empty without a file. */
function serverIdentity(data: string): string {
  const lines = pidFile(data);
  return [lines[0], lines[2]].join(' ').trim();
}

function isReadyLine(data: string): boolean {
  return pidFile(data)[7]?.trim() === 'ready';
}

function serverPid(data: string): number | undefined {
  const pid = Number(pidFile(data)[0]);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

function accepts(path: string): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect(path, () => {
      socket.destroy();
      answer(true);
    });
    socket.once('error', () => answer(false));
  });
}

function socketPath(socketDir: string, port = PORT): string {
  return join(socketDir, `.s.PGSQL.${port}`);
}

function assertSocketPath(path: string): void {
  const limit = LIMITS.unixSocketPathBytes.value;
  if (Buffer.byteLength(path) <= limit) return;
  throw new Fault('SOCKET_PATH_TOO_LONG', `the path of the database's socket is longer than ${limit} bytes`, {
    details: { path, limit },
  });
}
