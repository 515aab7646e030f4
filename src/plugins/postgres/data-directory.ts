import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, type Random, randomBase64url } from '#kernel';
import { type Account, asAccount } from './account.ts';

export const SUPERUSER = 'postgres';

/** Where the server lives: below `dir`, everything of the server's account and closed to others. */
export interface DataDirectory {
  readonly data: string;
  readonly socketDir: string;
  readonly logFile: string;
  readonly passwordFile: string;
}

/** The only way in is the Unix socket, and only with a password; over TCP nobody comes in but by the lines that stand between. */
const LOCAL = 'local all all scram-sha-256\n';
const REST = 'host all all all reject\n';

/** Makes a cluster where there is none. Throws `PROCESS_FAILED` when initdb does, `DIRECTORY_UNWRITABLE` when the place is closed. */
export function prepareDataDirectory(dir: string, bin: string, account: Account, random: Random): DataDirectory {
  const place = {
    data: join(dir, 'data'),
    socketDir: join(dir, 'socket'),
    logFile: join(dir, 'log', 'postgres.log'),
    passwordFile: join(dir, 'password'),
  };
  try {
    mkdirSync(dir, { recursive: true, mode: 0o711 });
    if (account.lent) chmodSync(dir, 0o711);
    for (const owned of [place.data, place.socketDir, join(dir, 'log')]) makeOwned(owned, account);
  } catch (cause) {
    throw new Fault('DIRECTORY_UNWRITABLE', 'the database directory cannot be written', { cause, details: { dir } });
  }
  if (!existsSync(join(place.data, 'PG_VERSION')) || !existsSync(place.passwordFile)) {
    rmSync(place.data, { recursive: true, force: true });
    makeOwned(place.data, account);
    initialize(place, bin, account, random);
  }
  return place;
}

/** Who may come in, and how, written anew at each start. */
export function writeAccess({ data }: DataDirectory, network: string): void {
  writeFileSync(join(data, 'pg_hba.conf'), `${LOCAL}${network}${REST}`, { mode: 0o600 });
}

function makeOwned(dir: string, account: Account): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  chmodSync(dir, 0o700);
  if (account.lent) chownSync(dir, account.uid, account.gid);
}

function initialize(place: DataDirectory, bin: string, account: Account, random: Random): void {
  const password = randomBase64url(random, 32);
  const handed = join(place.socketDir, 'initial-password');
  writeFileSync(handed, password, { mode: 0o600 });
  if (account.lent) chownSync(handed, account.uid, account.gid);
  const initdb = join(bin, 'initdb');
  const words = [initdb, '-D', place.data, '-U', SUPERUSER, '--auth=scram-sha-256', `--pwfile=${handed}`];
  const options = ['--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'];
  const [program = initdb, ...rest] = asAccount(account, [place.data, initdb], [...words, ...options]);
  const done = spawnSync(program, rest, { encoding: 'utf8', timeout: 60_000, env: serverEnvironment() });
  rmSync(handed, { force: true });
  if (done.error !== undefined && program === 'setpriv') {
    throw new Fault(
      'PLATFORM_UNSUPPORTED',
      'as root the database needs setpriv (util-linux) to run under another account',
      {
        cause: done.error,
      },
    );
  }
  if (done.status !== 0) {
    rmSync(place.data, { recursive: true, force: true });
    const output = `${done.stderr ?? ''}`.slice(-1000);
    if (output.includes('No space left on device'))
      throw new Fault('DISK_FULL', `the disk is full: initdb could not make the database in ${place.data}`);
    const said =
      output.split('\n').find((line) => /error|fatal/i.test(line)) ??
      done.error?.message ??
      `exit status ${done.status}`;
    throw new Fault('PROCESS_FAILED', `initdb could not make the database in ${place.data}: ${said.trim()}`, {
      cause: done.error,
      details: { output },
    });
  }
  writeFileSync(place.passwordFile, password, { mode: 0o600 });
}

/** The server needs nothing of the starter's environment. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

/** Last lines of the server's log, for the sentence that says why it did not start. */
export function logTail(logFile: string): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').slice(-1000) : '';
}
