import { SpiffeId } from '#spiffe';
import { type BundleResource, compareEntries, type EntryResource, isSequenceText, type ResourceKind } from '#wire';
import type { ResourceUpdate } from '#wire/gen/hauberk_workload';
import { EntryIndex } from './entry-index.ts';

/** A resource as the server sent it, and read once. */
export interface Held {
  readonly kind: string;
  readonly key: string;
  readonly json: string;
  readonly value: unknown;
}

/** One trust domain's resources as the server last sent them. */
export class Resources {
  readonly #trustDomain: string;
  readonly #held = new Map<string, Held>();
  #entries: readonly EntryResource[] | undefined;
  #index: EntryIndex | undefined;
  revision = 0n;

  constructor(trustDomain: string) {
    this.#trustDomain = trustDomain;
  }

  /** Returns the keys of resources that could not be read: they are left out, and hold up no other. */
  apply(update: ResourceUpdate): readonly string[] {
    const unread: string[] = [];
    if (update.full) this.#held.clear();
    for (const { kind, key, bodyJson } of update.upserts) {
      const held = read(kind, key, bodyJson);
      if (held === undefined) {
        unread.push(`${kind} ${key}`);
        this.#held.delete(`${kind}\n${key}`);
      } else this.#held.set(`${kind}\n${key}`, held);
    }
    for (const { kind, key } of update.removals) this.#held.delete(`${kind}\n${key}`);
    this.revision = update.revision;
    const kinds = [...update.upserts, ...update.removals].map(({ kind }) => kind);
    if (update.full || kinds.includes('Entry')) this.#entries = this.#index = undefined;
    return unread;
  }

  /** What is of one of these kinds, as it came. */
  select(kinds: readonly ResourceKind[]): readonly Held[] {
    return [...this.#held.values()].filter(({ kind }) => kinds.some((wanted) => wanted === kind));
  }

  /** Entries by priority, the highest first, then by age, then by id; those that could not be served are left out. */
  entries(): readonly EntryResource[] {
    this.#entries ??= this.select(['Entry'])
      .map(({ value }) => value)
      .filter((value) => isEntry(value, this.#trustDomain))
      .sort(compareEntries);
    return this.#entries;
  }

  /** Entries all of whose selectors are seen, in no order. */
  matching(seen: ReadonlySet<string>): readonly EntryResource[] {
    this.#index ??= new EntryIndex(this.entries());
    return this.#index.matching(seen);
  }

  /** Bundles of this and of other trust domains, as far as they can be read. */
  bundles(): readonly BundleResource[] {
    return this.select(['Bundle']).flatMap(({ key }) => this.bundle(key) ?? []);
  }

  bundle(trustDomain: string): BundleResource | undefined {
    const value = this.#held.get(`Bundle\n${trustDomain}`)?.value;
    return isBundle(value, trustDomain) ? value : undefined;
  }
}

function read(kind: string, key: string, json: string): Held | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return { kind, key, json, value };
  } catch {
    return undefined;
  }
}

/** An entry without selectors would match every process, one of another trust domain could not be issued: neither is served. */
function isEntry(value: unknown, trustDomain: string): value is EntryResource {
  if (typeof value !== 'object' || value === null) return false;
  const entry: Partial<Record<keyof EntryResource, unknown>> = value;
  return (
    typeof entry.id === 'string' &&
    typeof entry.spiffeId === 'string' &&
    isIdOf(entry.spiffeId, trustDomain) &&
    isTexts(entry.selectors) &&
    entry.selectors.length > 0 &&
    (entry.federatesWith === undefined || isTexts(entry.federatesWith)) &&
    (entry.hint === undefined || typeof entry.hint === 'string') &&
    isNumberOrAbsent(entry.priority) &&
    isNumberOrAbsent(entry.expiresAt)
  );
}

function isNumberOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'number';
}

function isIdOf(text: string, trustDomain: string): boolean {
  try {
    return SpiffeId.parse(text).trustDomain === trustDomain;
  } catch {
    return false;
  }
}

export function isBundle(value: unknown, trustDomain: string): value is BundleResource {
  if (typeof value !== 'object' || value === null) return false;
  const bundle: Partial<Record<keyof BundleResource, unknown>> = value;
  return bundle.trustDomain === trustDomain && isSequenceText(bundle.sequence) && isTexts(bundle.x509Authorities);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
