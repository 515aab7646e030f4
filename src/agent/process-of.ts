import { readFileSync } from 'node:fs';
import type { Process } from '#attestation';
import { Fault } from '#kernel';

/** A process of this node by its pid, with its effective user and group (proc(5), `status`). Throws `NOT_FOUND`. */
export function processOf(pid: number): Process {
  const found = effectiveIds(pid);
  if (found === undefined) throw new Fault('NOT_FOUND', 'no such process');
  return { pid, ...found };
}

/**
 * Whether a process is still the user and group that it was when it connected: one that has dropped its privileges keeps none of their
 * identities, and one that runs a set-user-ID program lends that program's to nobody who holds its socket. What cannot be read differs in nothing.
 */
export function isSameUser({ pid, uid, gid }: Process): boolean {
  const found = effectiveIds(pid);
  return found === undefined || (found.uid === uid && found.gid === gid);
}

function effectiveIds(pid: number): Omit<Process, 'pid'> | undefined {
  const status = readStatus(pid);
  const effective = (field: string): string | undefined =>
    new RegExp(`^${field}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status ?? '')?.[1];
  const [uid, gid] = [effective('Uid'), effective('Gid')];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

function readStatus(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return undefined;
  }
}

/** When a process was started (proc(5), field 22): tells it from a later one of its pid. Undefined when it is gone or a zombie. */
export function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold anything, parentheses and blanks included.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
