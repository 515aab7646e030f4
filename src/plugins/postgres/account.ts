import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Who the server runs as. PostgreSQL refuses to run as root, so root hands it to an account without rights. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** True when the starter is root and gives its rights up for the server. */
  readonly lent: boolean;
}

export function findAccount(): Account {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  if (uid !== 0) return { uid, gid, lent: false };
  const [, , nobodyUid, nobodyGid] = /^(nobody):[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  return { uid: Number(nobodyUid ?? 65_534), gid: Number(nobodyGid ?? 65_534), lent: true };
}

/** Whether everybody may pass through every directory above `path`, so that the account reaches it. */
export function isReachable(path: string): boolean {
  for (let dir = path; ; dir = dirname(dir)) {
    const parent = dirname(dir);
    if ((statSync(parent).mode & 0o001) === 0) return false;
    if (parent === '/') return true;
  }
}

/**
 * The words that run a program under the account. Below a directory that is closed to others (such as /root) the account keeps
 * root's right to pass through directories, and nothing else.
 */
export function asAccount(account: Account, paths: readonly string[], command: readonly string[]): readonly string[] {
  if (!account.lent) return command;
  const right = paths.every(isReachable) ? [] : ['--inh-caps=-all,+dac_override', '--ambient-caps=-all,+dac_override'];
  return ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups', ...right, '--', ...command];
}
