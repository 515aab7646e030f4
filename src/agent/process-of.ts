import { readFileSync } from 'node:fs';
import type { Process } from '#attestation';
import { Fault } from '#kernel';

/** A process of this node by its pid, with its effective user and group (proc(5), `status`). Throws `NOT_FOUND`. */
export function processOf(pid: number): Process {
  const status = readStatus(pid);
  const effective = (field: string): string | undefined =>
    new RegExp(`^${field}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status ?? '')?.[1];
  const [uid, gid] = [effective('Uid'), effective('Gid')];
  if (uid === undefined || gid === undefined) throw new Fault('NOT_FOUND', 'no such process');
  return { pid, uid: Number(uid), gid: Number(gid) };
}

function readStatus(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return undefined;
  }
}
