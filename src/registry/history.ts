import type { LogCommitted } from './log-revision.ts';
import type { StoredKind } from './store.ts';

/** Changes that are kept of each log: beyond them nobody is told what was before. */
const MAX_CHANGES = 2000;

/** What stood somewhere before something changed it; null: nothing. */
export interface PastResource {
  readonly kind: StoredKind;
  readonly key: string;
  readonly body: unknown;
}

interface Step extends Pick<LogCommitted, 'changes'> {
  /** The revision on which it was made. */
  readonly from: number;
}

/** The last changes of one log that this process saw, newest last. */
export class History {
  #steps: Step[] = [];
  #count = 0;
  #revision: number;

  constructor(revision: number) {
    this.#revision = revision;
  }

  note({ revision, changes }: LogCommitted): void {
    this.#steps.push({ from: this.#revision, changes });
    this.#revision = revision;
    this.#count += changes.length;
    while (this.#count > MAX_CHANGES) this.#count -= this.#steps.shift()?.changes.length ?? 0;
  }

  /** What has changed since a revision, as it was then; undefined for a revision of which this is not known. */
  since(revision: number): readonly PastResource[] | undefined {
    if (revision === this.#revision) return [];
    const first = this.#steps.findIndex(({ from }) => from === revision);
    if (first < 0) return undefined;
    const then = new Map<string, PastResource>();
    for (const { changes } of this.#steps.slice(first))
      for (const { kind, key, before } of changes) {
        const place = `${kind}\n${key}`;
        if (!then.has(place)) then.set(place, { kind, key, body: before ?? null });
      }
    return [...then.values()];
  }
}
