import { shared, updateBytes } from '#wire';
import type { SyncResponse } from '#wire/gen/hauberk_sync';
import type { ResourceUpdate } from '#wire/gen/hauberk_workload';

interface Kept {
  readonly response: SyncResponse;
  readonly update: ResourceUpdate;
  readonly bytes: number;
}

const MOST_KEPT = 256;
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Updates, and parts of updates, that many agents are sent alike are one message, which is encoded once. A few of the newest are kept: who reads
 * slowly has the bytes made again, and nobody's are held for it.
 */
export class SharedUpdates {
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  responseOf(update: ResourceUpdate): SyncResponse {
    // The end of what an agent gets whole is its own: its entries.
    if (update.full && !update.more) return { update, pulse: undefined };
    const name = nameOf(update);
    const known = this.#kept.get(name);
    if (known !== undefined && isSame(known.update, update)) return known.response;
    const response = shared({ update, pulse: undefined });
    this.#keep(name, { response, update, bytes: updateBytes(update) });
    return response;
  }

  #keep(name: string, one: Kept): void {
    this.#drop(name);
    this.#kept.set(name, one);
    this.#bytes += one.bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MOST_KEPT && this.#bytes <= MOST_BYTES) return;
      this.#drop(oldest);
    }
  }

  #drop(name: string): void {
    this.#bytes -= this.#kept.get(name)?.bytes ?? 0;
    this.#kept.delete(name);
  }
}

/** Tells apart what can be told apart by a glance. */
function nameOf({ trustDomain, revision, full, more, upserts, removals }: ResourceUpdate): string {
  const ends = [upserts.at(0), upserts.at(-1), removals.at(0), removals.at(-1)].map((one) => [one?.kind, one?.key]);
  return JSON.stringify([trustDomain, `${revision}`, full, more, upserts.length, removals.length, ends]);
}

/** Of the same name. */
function isSame(one: ResourceUpdate, other: ResourceUpdate): boolean {
  return (
    one.upserts.every((resource, at) => isSameNamed(resource, other.upserts[at])) &&
    one.removals.every((key, at) => isSameNamed(key, other.removals[at]))
  );
}

interface Named {
  readonly kind: string;
  readonly key: string;
  readonly bodyJson?: string;
}

/** What agents are sent of one body is mostly one object. */
function isSameNamed(one: Named, other: Named | undefined): boolean {
  if (one === other) return true;
  return one.kind === other?.kind && one.key === other.key && one.bodyJson === other.bodyJson;
}
