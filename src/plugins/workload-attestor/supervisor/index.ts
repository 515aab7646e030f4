import { readFileSync } from 'node:fs';
import type { Process, WorkloadAttestor } from '#attestation';
import { Fault } from '#kernel';
import type { Selector } from '#spiffe';

interface Leader {
  readonly service: string;
  readonly startTime: string;
}

/**
 * `supervisor:service:<name>` for processes in the session of a registered leader. The session id is the kernel's (field 6 of stat), kept by
 * children and grandchildren; the leader must still be the process that was registered, by its start time, so that a reused pid is nobody.
 */
export class SupervisorAttestor implements WorkloadAttestor {
  readonly name = 'supervisor';
  readonly #leaders = new Map<number, Leader>();

  /** Registers a session leader before it runs its program. Throws `ARGUMENT_INVALID` when it is no session leader or is gone. */
  register(pid: number, service: string): number {
    const stat = readStat(pid);
    if (stat === undefined || stat.session !== pid)
      throw new Fault('ARGUMENT_INVALID', 'the process is gone or leads no session of its own');
    if (!/^[A-Za-z0-9._-]+\/[A-Za-z0-9._-]+$/.test(service))
      throw new Fault('ARGUMENT_INVALID', 'a service is named namespace/name');
    this.#leaders.set(pid, { service, startTime: stat.startTime });
    return stat.session;
  }

  deregister(pid: number): void {
    this.#leaders.delete(pid);
  }

  async attest({ pid }: Process): Promise<readonly Selector[]> {
    const session = readStat(pid)?.session;
    const leader = session === undefined ? undefined : this.#leaders.get(session);
    if (session === undefined || leader === undefined) return [];
    if (readStat(session)?.startTime !== leader.startTime) {
      this.#leaders.delete(session);
      return [];
    }
    return [{ type: 'supervisor', value: `service:${leader.service}` }];
  }
}

/** Session id and start time of a process (proc(5), fields 6 and 22), or undefined when it is gone. */
export function readStat(pid: number): { readonly session: number; readonly startTime: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in parentheses and may hold anything, parentheses and blanks included.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [session, startTime] = [fields[3], fields[19]];
    return session === undefined || startTime === undefined ? undefined : { session: Number(session), startTime };
  } catch {
    return undefined;
  }
}
