import type { Process, WorkloadAttestor } from '#attestation';
import { Fault } from '#kernel';
import type { Selector } from '#spiffe';
import { readStat } from './process-stat.ts';

interface Leader {
  readonly service: string;
  readonly startTime: string;
}

const SERVICE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}\/[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const MAX_LEADERS = 10_000;

/**
 * `supervisor:service:<name>` for processes in the session of a registered leader. The session id is the kernel's, kept by children and
 * grandchildren; the leader must still be the process that was registered, by its start time, so that a reused pid is nobody.
 */
export class SupervisorAttestor implements WorkloadAttestor {
  readonly name = 'supervisor';
  readonly #leaders = new Map<number, Leader>();

  /** Registers a session leader before it runs its program. Throws `ARGUMENT_INVALID` when it is no session leader or is gone. */
  register(pid: number, service: string): number {
    if (!SERVICE.test(service)) throw new Fault('ARGUMENT_INVALID', 'a service is named namespace/name');
    const stat = readStat(pid);
    if (stat === undefined || stat.session !== pid)
      throw new Fault('ARGUMENT_INVALID', 'the process is gone or leads no session of its own');
    this.#forgetEnded();
    if (this.#leaders.size >= MAX_LEADERS) throw new Fault('LIMIT_EXCEEDED', 'too many session leaders are registered');
    this.#leaders.set(pid, { service, startTime: stat.startTime });
    return stat.session;
  }

  deregister(pid: number): void {
    this.#leaders.delete(pid);
  }

  async attest(process: Process): Promise<readonly Selector[]> {
    return this.attestNow(process);
  }

  attestNow({ pid }: Process): readonly Selector[] {
    if (this.#leaders.size === 0) return [];
    const session = readStat(pid)?.session;
    const leader = session === undefined ? undefined : this.#leaders.get(session);
    if (session === undefined || leader === undefined) return [];
    if (!runs(session, leader)) {
      this.#leaders.delete(session);
      return [];
    }
    return [{ type: 'supervisor', value: `service:${leader.service}` }];
  }

  #forgetEnded(): void {
    for (const [pid, leader] of this.#leaders) if (!runs(pid, leader)) this.#leaders.delete(pid);
  }
}

function runs(pid: number, leader: Leader): boolean {
  return readStat(pid)?.startTime === leader.startTime;
}
