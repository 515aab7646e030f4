import type { Clock, Scheduled } from '#kernel';
import type { AgentIdentity } from './agent-identity.ts';

const RENEW_RETRY_MILLIS = 5000;

export interface RenewalOptions {
  readonly clock: Clock;
  readonly identity: AgentIdentity;
  readonly signal: AbortSignal;
  /** True when there is a new certificate, or none is to be had with the old one. */
  readonly renew: () => Promise<boolean>;
  readonly over: () => void;
}

/** Renews a certificate at the due time, again and again until it works or the certificate has expired; either is the end of it. */
export class Renewal {
  readonly #options: RenewalOptions;
  #scheduled: Scheduled;
  #hastened = false;

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#scheduled = options.clock.at(options.identity.renewAt, () => void this.#renew());
  }

  /** Does not wait for the due time. */
  now(): void {
    if (this.#hastened) return;
    this.#hastened = true;
    this.#scheduled.cancel();
    void this.#renew();
  }

  cancel(): void {
    this.#scheduled.cancel();
  }

  async #renew(): Promise<void> {
    const { clock, identity, signal, renew, over } = this.#options;
    const isOver = await renew();
    if (signal.aborted || isOver || clock.now() >= identity.notAfter) return over();
    const wait = Math.min(RENEW_RETRY_MILLIS, identity.notAfter - clock.now());
    this.#scheduled = clock.after(wait, () => void this.#renew());
  }
}
