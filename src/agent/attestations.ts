import { attestNow, attestProcess, type Process, type WorkloadAttestor } from '#attestation';
import type { Clock } from '#kernel';
import type { PeerCredentials } from '#rpc';
import { formatSelector } from '#spiffe';

const ATTESTATION_MILLIS = 5000;
/** A process changes what it is (by execve, by joining a group) more rarely than it asks. */
const SAME_MILLIS = 1000;

interface Seen {
  readonly at: number;
  readonly selectors: ReadonlySet<string>;
}

/** What the attestors say of processes, for a moment the same of the same connection. */
export class Attestations {
  readonly #attestors: readonly WorkloadAttestor[];
  readonly #clock: Clock;
  #recent = new WeakMap<PeerCredentials, Seen>();
  readonly #last = new WeakMap<PeerCredentials, ReadonlySet<string>>();

  constructor(attestors: readonly WorkloadAttestor[], clock: Clock) {
    this.#attestors = attestors;
    this.#clock = clock;
  }

  /** Selectors of a process, `type:value`: at once where no attestor has to wait, else within a deadline, so that none holds up another. */
  attest(process: Process): ReadonlySet<string> | Promise<ReadonlySet<string>> {
    const selectors = attestNow(this.#attestors, process);
    if (selectors !== undefined) return new Set(selectors.map(formatSelector));
    const signal = AbortSignal.timeout(ATTESTATION_MILLIS);
    return attestProcess(this.#attestors, process, signal).then((late) => new Set(late.map(formatSelector)));
  }

  /** Attests the process behind a connection, and remembers the answer for a moment. */
  attestCaller(caller: PeerCredentials): ReadonlySet<string> | Promise<ReadonlySet<string>> {
    const at = this.#clock.monotonic();
    const remember = (selectors: ReadonlySet<string>): ReadonlySet<string> => {
      this.#recent.set(caller, { at, selectors });
      this.#last.set(caller, selectors);
      return selectors;
    };
    const selectors = this.attest(caller);
    return selectors instanceof Promise ? selectors.then(remember) : remember(selectors);
  }

  /** What was seen of it a moment ago; whether it still lives is asked elsewhere, every time. */
  recent(caller: PeerCredentials): ReadonlySet<string> | undefined {
    const seen = this.#recent.get(caller);
    return seen !== undefined && this.#clock.monotonic() - seen.at < SAME_MILLIS ? seen.selectors : undefined;
  }

  /** What was seen of it when it was looked at last, however long ago. */
  last(caller: PeerCredentials): ReadonlySet<string> | undefined {
    return this.#last.get(caller);
  }

  /** Something has changed that attestors tell of, such as who leads a session. */
  forget(): void {
    this.#recent = new WeakMap();
  }
}
