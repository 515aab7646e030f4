import { type Fault, isFault } from '#kernel';
import { type Committed, toCommitted } from './committed.ts';
import { Draft, type PlannedChange } from './draft.ts';
import type { LiveEntries } from './live-entries.ts';
import { stateLog } from './log-names.ts';
import type { Logs } from './logs.ts';
import type { ReceiptDelivery, ReceiptOutlet } from './receipt-delivery.ts';
import type { ResourceChange } from './store.ts';

/** A change that cannot be made. */
export interface Refusal {
  readonly trustDomain: string;
  readonly change: ResourceChange;
  readonly fault: Fault;
}

/** Puts changes into a draft, which judges them on what is in it. */
export type Fill = (draft: Draft) => void;

export type ChangesByDomain = ReadonlyMap<string, readonly ResourceChange[]>;

export interface CommitsOptions {
  readonly logs: Logs;
  readonly entries: LiveEntries;
  readonly delivery: ReceiptDelivery;
  readonly outlet?: ReceiptOutlet;
}

/** Changes of trust domains' state: drafted, judged, and committed with their receipts. */
export class Commits {
  readonly #options: CommitsOptions;

  constructor(options: CommitsOptions) {
    this.#options = options;
  }

  refusals(changes: ChangesByDomain): readonly Refusal[] {
    const draft = this.#draft(() => {});
    const refused: Refusal[] = [];
    const judge = (of: (trustDomain: string, change: ResourceChange) => void): void => {
      for (const [trustDomain, some] of changes)
        for (const change of some) {
          try {
            of(trustDomain, change);
          } catch (error) {
            if (!isFault(error)) throw error;
            refused.push({ trustDomain, change, fault: error });
          }
        }
    };
    judge((trustDomain, change) => draft.add(trustDomain, change));
    judge((trustDomain, change) => draft.assertKnown(trustDomain, change));
    return refused;
  }

  plan(changes: ChangesByDomain): ReadonlyMap<string, readonly PlannedChange[]> {
    const draft = this.#draft(fillWith(changes));
    return new Map([...changes.keys()].map((name) => [name, draft.changes(name)]));
  }

  /** In one transaction. Trust domains where nothing differs are left out. */
  async commit(names: readonly string[], fill: Fill, by: string): Promise<readonly Committed[]> {
    const { logs, delivery, outlet } = this.#options;
    const { committed, receipts } = await logs.commit(names.map(stateLog), () => {
      const draft = this.#draft(fill);
      return {
        changes: new Map(names.map((name) => [stateLog(name), draft.changes(name)])),
        receipts: (made) => made.flatMap((one) => outlet?.describe(toCommitted(one), by) ?? []),
      };
    });
    await delivery.deliver(receipts);
    return committed.map(toCommitted);
  }

  #draft(fill: Fill): Draft {
    const { logs, entries } = this.#options;
    const draft = new Draft(logs.held, (name) => entries.indexOf(name), entries.nowSeconds());
    fill(draft);
    return draft;
  }
}

export function fillWith(changes: ChangesByDomain): Fill {
  return (draft) => {
    for (const [trustDomain, some] of changes) for (const change of some) draft.add(trustDomain, change);
  };
}
