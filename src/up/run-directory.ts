import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault, LIMITS } from '#kernel';
import type { UpEnvironment } from './environment.ts';

/** The longest socket name below a run directory. */
const LONGEST_SOCKET = '/agent/workload.sock';

export interface RunDirectory {
  readonly path: string;
  readonly name: string;
  /** A path below the directory; the folders above it exist. */
  at(...parts: string[]): string;
  /** Ends the claim; the directory stays. */
  release(): void;
}

/** `$XDG_RUNTIME_DIR/hauberk`, else `/tmp/hauberk-<uid>`: short, for the path of a Unix socket holds 107 bytes. */
export function runRoot(environment: UpEnvironment): string {
  if (environment.runtimeDirectory !== undefined && isDirectory(environment.runtimeDirectory)) {
    return join(environment.runtimeDirectory, 'hauberk');
  }
  return `/tmp/hauberk-${environment.uid}`;
}

/**
 * Claims a run directory for this process. Throws `SOCKET_PATH_TOO_LONG`, `DIRECTORY_UNWRITABLE`, or `ALREADY_EXISTS` when
 * another `up` is alive in it.
 */
export function claimRunDirectory(path: string, name: string, uid: number): RunDirectory {
  assertShort(path);
  makePrivate(path, uid);
  const lock = join(path, 'up.pid');
  claim(lock, path);
  return {
    path,
    name,
    at: (...parts) => join(path, ...parts),
    release: () => rmSync(lock, { force: true }),
  };
}

/** Run directories in which an `up` is alive. */
export function findLiveRunDirectories(root: string): readonly string[] {
  if (!isDirectory(root)) return [];
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((path) => findOwner(join(path, 'up.pid')) !== undefined);
}

function assertShort(path: string): void {
  const bytes = Buffer.byteLength(path + LONGEST_SOCKET);
  const limit = LIMITS.unixSocketPathBytes.value;
  if (bytes <= limit) return;
  const sentence = `the run directory ${path} is too long: its sockets would have ${bytes} bytes, and the system allows ${limit}`;
  throw new Fault('SOCKET_PATH_TOO_LONG', sentence, { details: { path, bytes, limit } });
}

function makePrivate(path: string, uid: number): void {
  try {
    makeDirectory(path);
    for (const folder of ['log', 'config', 'secrets', 'server', 'agent']) makeDirectory(join(path, folder));
  } catch (cause) {
    throw unwritable(path, cause);
  }
  // Threat: /tmp is open to all; somebody else's directory of that name would hold our keys.
  if (statSync(path).uid !== uid) {
    throw new Fault('DIRECTORY_UNWRITABLE', `the run directory ${path} belongs to another user`, { details: { path } });
  }
}

/** One level after another: `mkdir` with `recursive` never returns below /proc (Node 26). */
function makeDirectory(path: string): void {
  if (isDirectory(path)) return;
  if (dirname(path) !== path) makeDirectory(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!isCode(error, 'EEXIST') || !isDirectory(path)) throw error;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'a file has this name, or that of a directory above it',
  ENOTDIR: 'a directory above it is a file',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOENT: 'the file system allows no directory there',
};

function unwritable(path: string, cause: unknown): Fault {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reason = REASONS[code] ?? code;
  return new Fault('DIRECTORY_UNWRITABLE', `the run directory ${path} cannot be written: ${reason}`, {
    cause,
    details: { path },
  });
}

function claim(lock: string, path: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = openSync(lock, 'wx', 0o600);
      writeSync(file, `${process.pid} ${startTimeOf(process.pid) ?? ''}\n`);
      closeSync(file);
      return;
    } catch (cause) {
      if (!isCode(cause, 'EEXIST')) {
        throw unwritable(path, cause);
      }
      const owner = findOwner(lock);
      if (owner !== undefined) throw occupied(path, owner);
      rmSync(lock, { force: true });
    }
  }
  throw new Fault('ALREADY_EXISTS', `another "hauberk up" is starting in ${path}`);
}

function occupied(path: string, pid: number): Fault {
  const sentence = `"hauberk up" runs already in ${path} (process ${pid}); stop it, or use "hauberk status" with it`;
  return new Fault('ALREADY_EXISTS', sentence, { details: { path, pid } });
}

/** The live process that claimed a lock; a pid that was given to another program since does not count. */
function findOwner(lock: string): number | undefined {
  try {
    const [pid, started] = readFileSync(lock, 'utf8').trim().split(' ');
    const current = startTimeOf(Number(pid));
    if (started !== undefined && started !== '') return current === started ? Number(pid) : undefined;
    process.kill(Number(pid), 0);
    return Number(pid);
  } catch {
    return undefined;
  }
}

/** Start time in clock ticks since boot: field 22 of /proc/<pid>/stat (proc(5)); undefined where there is none. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
