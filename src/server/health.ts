import type { Authority } from '#authority';
import { type Clock, type Closeable, Fault, type Log, type Scheduled, watchClock } from '#kernel';
import type { Ledger } from '#ledger';
import type { PendingReceipt, Registry } from '#registry';
import type { Recorder } from './recorder.ts';

/** A trust domain that is hosted here. */
export interface Issuing {
  readonly name: string;
  readonly authority: Pick<Authority, 'trouble'>;
  /** Issues a certificate that nobody gets. */
  probe(): Promise<void>;
}

export interface HealthOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  readonly ledger: Ledger;
  readonly recorder: Recorder;
  readonly hosted: () => readonly Issuing[];
  /** What is wrong with the disk of a store that is one; asked every two seconds. */
  readonly disk?: () => Promise<Fault | undefined>;
}

const LOOK_MILLIS = 2000;

/**
 * Whether identities can be issued now, from what is remembered: answers ask neither store nor key manager. What has failed is tried again
 * every two seconds until it works, so that health comes back when the cause has gone; what works is left alone.
 */
export class Health implements Closeable {
  readonly #options: HealthOptions;
  readonly #listeners = new Set<() => void>();
  /** Code of the trouble by trust domain, as it was told last. */
  #told = new Map<string, string>();
  #disk: Fault | undefined;
  #moved: { readonly byMillis: number; readonly at: number } | undefined;
  #interruption: readonly PendingReceipt[] | undefined;
  readonly #clockWatch: Scheduled;
  #timer: Scheduled | undefined;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#clockWatch = watchClock(clock, (byMillis) => {
      this.#moved = { byMillis: Math.round(byMillis), at: clock.monotonic() };
      log.warn('the clock was moved', { byMillis: Math.round(byMillis) });
    });
    this.#schedule();
  }

  /** Why no identity of a trust domain can be issued now; undefined while one can. */
  troubleOf({ authority }: Issuing): Fault | undefined {
    const trouble = this.#disk ?? this.#writeFault();
    if (trouble !== undefined) return trouble;
    if (!this.#options.registry.isCurrent())
      return new Fault('STORE_UNAVAILABLE', 'what other servers write cannot be followed');
    return authority.trouble();
  }

  /** How far the wall clock was moved the last time, and how long ago. */
  clockMoved(): { readonly byMillis: number; readonly secondsAgo: number } | undefined {
    if (this.#moved === undefined) return undefined;
    const { byMillis, at } = this.#moved;
    return { byMillis, secondsAgo: Math.floor((this.#options.clock.monotonic() - at) / 1000) };
  }

  /** Calls back when a trust domain has come into trouble or out of it. Returns how to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#clockWatch.cancel();
    this.#timer?.cancel();
    await this.#looking;
  }

  /** Looks at the disk, tries what has failed, tells of what has changed; and again in two seconds. */
  async #look(): Promise<void> {
    this.#disk = await this.#options.disk?.();
    this.#tell();
    await this.#mend();
    this.#tell();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = this.#options.clock.after(LOOK_MILLIS, () => {
      this.#looking = this.#look();
    });
  }

  async #mend(): Promise<void> {
    const fault = this.#writeFault();
    if (fault !== undefined) this.#interruption ??= this.#describe(fault);
    if (this.#closed || this.#disk !== undefined) return;
    if (this.#interruption !== undefined) await this.#resume(this.#interruption);
    for (const one of this.#options.hosted())
      if (one.authority.trouble() !== undefined) await one.probe().catch(() => undefined);
  }

  async #resume(interruption: readonly PendingReceipt[]): Promise<void> {
    try {
      await this.#options.registry.record(interruption);
      if (this.#writeFault() === undefined) this.#interruption = undefined;
    } catch {
      // In two seconds again.
    }
  }

  #writeFault(): Fault | undefined {
    return this.#options.ledger.fault ?? this.#options.registry.fault;
  }

  /** What is written as soon as it can be: the ledgers say that for some time they could not be written. */
  #describe({ code }: Fault): readonly PendingReceipt[] {
    const { hosted, recorder } = this.#options;
    const common = { kind: 'registry', effect: 'allow', code: 'ALLOWED', action: 'ledger:resume' } as const;
    return recorder.pending(...hosted().map(({ name }) => ({ ...common, trustDomain: name, detail: { after: code } })));
  }

  #tell(): void {
    const { hosted, log } = this.#options;
    const now = new Map<string, string>();
    for (const one of hosted()) {
      const trouble = this.troubleOf(one);
      if (trouble !== undefined) now.set(one.name, trouble.code);
      if (trouble?.code === this.#told.get(one.name)) continue;
      if (trouble === undefined) log.info('identities can be issued again', { trustDomain: one.name });
      else log.warn('identities cannot be issued', { trustDomain: one.name, error: trouble });
    }
    const changed = now.size !== this.#told.size || [...now].some(([name, code]) => this.#told.get(name) !== code);
    this.#told = now;
    if (changed) for (const listener of [...this.#listeners]) listener();
  }
}
