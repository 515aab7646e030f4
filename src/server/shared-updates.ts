import { shared } from '#wire';
import type { SyncResponse } from '#wire/gen/hauberk_sync';
import type { ResourceUpdate } from '#wire/gen/hauberk_workload';

/** Updates that name more are seldom the same for two agents. */
const MOST_NAMED = 8;
const MOST_KEPT = 64;

/** Updates that many agents are sent alike are one message, which is encoded once. */
export class SharedUpdates {
  readonly #kept = new Map<string, SyncResponse>();

  responseOf(update: ResourceUpdate): SyncResponse {
    if (update.full || update.upserts.length + update.removals.length > MOST_NAMED) return { update, pulse: undefined };
    const content = contentOf(update);
    const known = this.#kept.get(content);
    if (known !== undefined) return known;
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    const response = shared({ update, pulse: undefined });
    this.#kept.set(content, response);
    return response;
  }
}

/** A revision has one body for each of its own resources; bundles may come from the log of another trust domain. */
function contentOf({ trustDomain, revision, upserts, removals }: ResourceUpdate): string {
  const put = upserts.map(({ kind, key, bodyJson }) => [kind, key, kind === 'Bundle' ? bodyJson : '']);
  const gone = removals.map(({ kind, key }) => [kind, key]);
  return JSON.stringify([trustDomain, `${revision}`, put, gone]);
}
