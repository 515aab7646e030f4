import { isDeepStrictEqual } from 'node:util';
import { Fault } from '#kernel';
import { isFileName } from '#spiffe';
import { type EntryResource, RESOURCE_KINDS, type ResourceKind, type TrustDomainResource } from '#wire';
import { entryFault, isLive, isSameEntry, parseEntry } from './entry.ts';
import type { EntryIndex } from './entry-index.ts';
import { parseFederation } from './federation.ts';
import type { HeldLogs } from './held-logs.ts';
import { stateLog } from './log-names.ts';
import { MultiMap } from './multi-map.ts';
import { parseRevocation } from './revocation.ts';
import type { ResourceChange } from './store.ts';

/** A change that would change something. */
export interface PlannedChange extends ResourceChange {
  readonly verb: 'created' | 'updated' | 'removed';
}

interface Overlay {
  readonly changes: Map<string, ResourceChange>;
  /** Entries among them, by SPIFFE ID. */
  readonly entries: MultiMap<EntryResource>;
}

const DEFAULT_USER_PATH = '/user/';

/** The state of the trust domains with changes on it that are not committed yet: later changes are judged on top of earlier ones. */
export class Draft {
  readonly #logs: HeldLogs;
  readonly #entries: (trustDomain: string) => EntryIndex | undefined;
  readonly #nowSeconds: number;
  readonly #changed = new Map<string, Overlay>();

  constructor(logs: HeldLogs, entries: (trustDomain: string) => EntryIndex | undefined, nowSeconds: number) {
    this.#logs = logs;
    this.#entries = entries;
    this.#nowSeconds = nowSeconds;
  }

  /** Throws `TRUST_DOMAIN_INVALID`, `ENTRY_INVALID`, `FEDERATION_INVALID`, `REVOCATION_INVALID`, `ALREADY_EXISTS` for an entry that exists under another id, `NOT_FOUND` for a removal of nothing. */
  add(trustDomain: string, change: ResourceChange): void {
    if (!RESOURCE_KINDS.some((kind) => kind === change.kind))
      throw new Fault('ARGUMENT_INVALID', 'no such kind of resource');
    const { kind, key } = change;
    if (change.body === null && this.#find(trustDomain, kind, key) === undefined)
      throw new Fault('NOT_FOUND', `no ${kind} of this key in the trust domain`);
    const body = this.#parse(trustDomain, change);
    const overlay = this.#overlay(trustDomain);
    const before = overlay.changes.get(`${kind}\n${key}`)?.body;
    overlay.changes.set(`${kind}\n${key}`, { kind, key, body });
    if (kind !== 'Entry') return;
    if (before) overlay.entries.remove((before as EntryResource).spiffeId, before as EntryResource);
    if (body !== null) overlay.entries.add((body as EntryResource).spiffeId, body as EntryResource);
  }

  /** `add` for one entry of a batch: every rule is held at once, and a fault leaves the draft as it was, so that the rest can go on. */
  addEntry(trustDomain: string, entry: EntryResource): void {
    this.#assertFederation(trustDomain, entry);
    this.add(trustDomain, { kind: 'Entry', key: entry.id, body: entry });
  }

  /** Throws `ENTRY_INVALID` for an entry that federates with a trust domain that nothing is known of, also not in the draft. */
  assertKnown(trustDomain: string, { kind, body }: ResourceChange): void {
    if (kind === 'Entry' && body !== null) this.#assertFederation(trustDomain, body as EntryResource);
  }

  /** What stands in the draft. The caller names the shape that `#wire` gives for the kind. */
  find<T>(kind: ResourceKind, trustDomain: string, key: string): T | undefined {
    return this.#find(trustDomain, kind, key) as T | undefined;
  }

  /** What of a trust domain differs from what is committed. Throws `ENTRY_INVALID` for an entry that federates with nobody known. */
  changes(trustDomain: string): readonly PlannedChange[] {
    const planned: PlannedChange[] = [];
    for (const change of this.#changed.get(trustDomain)?.changes.values() ?? []) {
      const present = this.#logs.find(stateLog(trustDomain), change.kind, change.key);
      if (present === undefined ? change.body === null : isDeepStrictEqual(present.body, change.body)) continue;
      this.assertKnown(trustDomain, change);
      const verb = change.body === null ? 'removed' : present === undefined ? 'created' : 'updated';
      planned.push({ ...change, verb });
    }
    return planned;
  }

  trustDomains(): readonly string[] {
    return [...this.#changed.keys()];
  }

  #parse(trustDomain: string, { kind, key, body }: ResourceChange): unknown {
    if (body === null) return null;
    // What is hosted has a directory for its keys.
    if (kind === 'TrustDomain' && !isFileName(key))
      throw new Fault('TRUST_DOMAIN_INVALID', 'a trust domain that is hosted is not named . or ..');
    if (kind === 'Federation') return parseFederation(trustDomain, key, body);
    if (kind === 'Revocation')
      return parseRevocation(trustDomain, { key, body, userPath: this.#userPath(trustDomain) });
    return kind === 'Entry' ? this.#parseEntry(trustDomain, key, body) : body;
  }

  #parseEntry(trustDomain: string, key: string, body: unknown): EntryResource {
    const entry = parseEntry(trustDomain, this.#userPath(trustDomain), body);
    if (entry.id !== key) throw entryFault('its id is not the key that it is filed under');
    const same = this.#findSame(trustDomain, entry);
    if (same !== undefined)
      throw new Fault('ALREADY_EXISTS', 'an entry with this id, parent and selectors exists already', {
        details: { existing: same.id },
      });
    // The present one's age is the entry's age, whatever a writer says; one that was made before ages were kept has none.
    const present = this.#find(trustDomain, 'Entry', key) as EntryResource | undefined;
    const { createdAt: _, ...rest } = entry;
    const createdAt = present === undefined ? this.#nowSeconds : present.createdAt;
    return { ...rest, ...(createdAt === undefined ? {} : { createdAt }) };
  }

  #userPath(trustDomain: string): string {
    const domain = this.#find(trustDomain, 'TrustDomain', trustDomain) as TrustDomainResource | undefined;
    return domain?.userPath ?? DEFAULT_USER_PATH;
  }

  #findSame(trustDomain: string, entry: EntryResource): EntryResource | undefined {
    const overlay = this.#changed.get(trustDomain);
    const isChanged = (id: string): boolean => overlay?.changes.has(`Entry\n${id}`) === true;
    const committed = this.#entries(trustDomain)?.findSame(entry, this.#nowSeconds);
    if (committed !== undefined && !isChanged(committed.id)) return committed;
    for (const other of overlay?.entries.get(entry.spiffeId) ?? [])
      if (other.id !== entry.id && isSameEntry(other, entry) && isLive(other, this.#nowSeconds)) return other;
    return undefined;
  }

  #assertFederation(trustDomain: string, { federatesWith = [] }: EntryResource): void {
    for (const name of federatesWith) {
      const known =
        this.#find(trustDomain, 'Bundle', name) ??
        this.#find(trustDomain, 'Federation', name) ??
        this.#find(name, 'TrustDomain', name);
      if (known === undefined)
        throw entryFault('it federates with a trust domain whose bundle is not known here', { field: 'federatesWith' });
    }
  }

  #find(trustDomain: string, kind: ResourceKind, key: string): unknown {
    const changed = this.#changed.get(trustDomain)?.changes.get(`${kind}\n${key}`);
    if (changed !== undefined) return changed.body ?? undefined;
    return this.#logs.find(stateLog(trustDomain), kind, key)?.body;
  }

  #overlay(trustDomain: string): Overlay {
    let overlay = this.#changed.get(trustDomain);
    if (overlay === undefined) {
      overlay = { changes: new Map(), entries: new MultiMap() };
      this.#changed.set(trustDomain, overlay);
    }
    return overlay;
  }
}
