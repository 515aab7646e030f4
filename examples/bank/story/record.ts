// Keeps what was seen. Every link and every denial is read back from the ledger, and held against what the caller or the service
// itself observed.
import type { Context, Denial, Link, Receipt } from './context.ts';

const LEDGER_MILLIS = 10_000;

export interface Refusal {
  readonly name: string;
  /** The code that this refusal is documented with. */
  readonly expected: string;
  /** Kind of the link that refuses. */
  readonly link: string;
  /** SPIFFE ID of the workload that refuses, and of the peer that it refuses, where the peer proved one. */
  readonly workload?: string;
  readonly peer?: string;
  readonly user?: string;
  /** `allow` where what was refused is a part of the request, and the request went on without it. */
  readonly effect?: 'allow';
  /** What the refused caller was told. */
  readonly seen: { readonly code?: unknown; readonly id?: unknown };
  /** What else must hold; names of what did not. */
  readonly wrong?: readonly string[];
}

export class Record {
  readonly links: Link[] = [];
  readonly denials: Denial[] = [];
  readonly failures: string[] = [];
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  expect(holds: boolean, sentence: string): void {
    if (!holds) this.failures.push(sentence);
  }

  /** Waits until the ledger's receipts of a transaction satisfy `complete`; hands back what there is at the deadline. */
  async chain(id: string, complete: (receipts: readonly Receipt[]) => boolean): Promise<readonly Receipt[]> {
    const deadline = performance.now() + LEDGER_MILLIS;
    for (;;) {
      const receipts = await this.#context.admin.why(id).catch(() => []);
      if (complete(receipts) || performance.now() > deadline) return receipts;
      await pause(50);
    }
  }

  keep(receipts: readonly Receipt[]): void {
    receipts.forEach((receipt, index) => {
      const { txn, kind, user, tenant, workload, peer, proof, effect, rule, startedAt, durationUs } = receipt;
      const known = Object.entries({ user, tenant, workload, peer, proof, rule }).filter(
        ([, value]) => value !== undefined,
      );
      this.links.push({ txn, seq: index + 1, kind, effect, startedAt, durationUs, ...Object.fromEntries(known) });
    });
  }

  /** A refusal holds when the ledger's receipt, found by the id that the caller was told, says the same. */
  async refused(refusal: Refusal): Promise<void> {
    const receipt = await this.#find(refusal.seen);
    this.#deny(refusal, receipt, [...(refusal.wrong ?? []), ...unlike(refusal, receipt)]);
  }

  /** What the ledger says otherwise than the caller was told, without a line of its own in the report. */
  async differences(refusal: Omit<Refusal, 'name'>): Promise<readonly string[]> {
    return unlike(refusal, await this.#find(refusal.seen));
  }

  async #find({ id }: Refusal['seen']): Promise<Receipt | undefined> {
    if (typeof id !== 'string' || id === '') return undefined;
    const receipts = await this.chain(id, (found) => found.some((receipt) => receipt.id === id));
    return receipts.find((found) => found.id === id);
  }

  /** For refusals that answer nothing to the caller: the newest matching receipt since `since` must say so. */
  async refusedSilently(refusal: Omit<Refusal, 'seen'>, since: number): Promise<void> {
    const deadline = performance.now() + LEDGER_MILLIS;
    let receipt: Receipt | undefined;
    while (receipt === undefined && performance.now() < deadline) {
      const newest = await this.#context.admin.receipts({ limit: 1000, kind: refusal.link, effect: 'deny' });
      receipt = newest.find(
        ({ code, startedAt }) => code === refusal.expected && Date.parse(startedAt) >= since - 1000,
      );
      if (receipt === undefined) await pause(50);
    }
    const wrong = receipt === undefined ? ['the ledger has no such receipt'] : differences(refusal, receipt);
    this.#deny({ ...refusal, seen: {} }, receipt, [...(refusal.wrong ?? []), ...wrong]);
  }

  #deny({ name, expected, link }: Refusal, receipt: Receipt | undefined, wrong: readonly string[]): void {
    this.denials.push({
      name,
      code: receipt?.code ?? 'none',
      link: `${receipt?.kind ?? link} ${receipt?.workload ?? ''}`.trim(),
      txn: receipt?.txn ?? '',
      expected,
      observed: wrong.length === 0 ? (receipt?.code ?? '') : wrong.join('; '),
      ok: wrong.length === 0,
    });
  }
}

function unlike(refusal: Omit<Refusal, 'name'>, receipt: Receipt | undefined): readonly string[] {
  const { seen, expected } = refusal;
  return [
    ...(seen.code === expected ? [] : [`the caller was told ${String(seen.code)}`]),
    ...(receipt === undefined ? [`the ledger has no receipt ${String(seen.id)}`] : differences(refusal, receipt)),
  ];
}

function differences(refusal: Omit<Refusal, 'seen' | 'name'>, receipt: Receipt): readonly string[] {
  const { expected: code, link: kind, workload, peer, user, effect = 'deny' } = refusal;
  const wanted = { effect, code, kind, workload, peer, user };
  const found: Readonly<globalThis.Record<string, unknown>> = { ...receipt };
  return Object.entries(wanted)
    .filter(([key, value]) => value !== undefined && found[key] !== value)
    .map(([key, value]) => `the ledger says ${key} ${String(found[key])}, not ${String(value)}`);
}

export function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
