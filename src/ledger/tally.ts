import type { LedgerStore } from './ledger-store.ts';

/** How many receipts a ledger holds, in all and of each kind. */
export interface Tallied {
  readonly receipts: number;
  readonly ofKind: Readonly<Record<string, number>>;
}

const PAGE = 1000;

/** Counts the receipts of each ledger, once: later questions read what has been added since. Counting verifies nothing. */
export class Tally {
  readonly #store: LedgerStore;
  readonly #known = new Map<string, Tallied>();
  readonly #counting = new Map<string, Promise<Tallied>>();

  constructor(store: LedgerStore) {
    this.#store = store;
  }

  of(trustDomain: string): Promise<Tallied> {
    const counting = this.#counting.get(trustDomain) ?? this.#count(trustDomain);
    this.#counting.set(trustDomain, counting);
    return counting.finally(() => this.#counting.delete(trustDomain));
  }

  async #count(trustDomain: string): Promise<Tallied> {
    const { receipts, ofKind } = this.#known.get(trustDomain) ?? { receipts: 0, ofKind: {} };
    const kinds: Record<string, number> = { ...ofKind };
    let index = receipts;
    for (let more = true; more; ) {
      const records = await this.#store.read(trustDomain, index, PAGE);
      for (const { body } of records) {
        const kind = kindOf(body);
        kinds[kind] = (kinds[kind] ?? 0) + 1;
      }
      index += records.length;
      more = records.length === PAGE;
    }
    const tallied = { receipts: index, ofKind: kinds };
    this.#known.set(trustDomain, tallied);
    return tallied;
  }
}

/** A record that somebody broke counts, as of no kind: finding it is what verification is for. */
function kindOf(body: string): string {
  try {
    const { kind }: { kind?: unknown } = JSON.parse(body);
    return typeof kind === 'string' ? kind : '';
  } catch {
    return '';
  }
}
