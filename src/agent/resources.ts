import { SpiffeId } from '#spiffe';
import {
  type BundleResource,
  compareEntries,
  type EntryResource,
  isSequenceText,
  type ResourceKind,
  stateDigest,
  type WholeUpdate,
} from '#wire';
import { EntryIndex } from './entry-index.ts';

/** A resource as the server sent it, and read once. */
export interface Held {
  readonly kind: string;
  readonly key: string;
  readonly json: string;
  readonly value: unknown;
}

/** What an update has changed here, so that only those whom it concerns look again. */
export interface Touched {
  readonly kinds: ReadonlySet<string>;
  /** Entries as they were and as they are. */
  readonly entries: readonly EntryResource[];
}

export interface Applied {
  /** Keys of resources that could not be read: they are left out, and hold up no other. */
  readonly unread: readonly string[];
  readonly touched: Touched;
}

/** One trust domain's resources as the server last sent them. */
export class Resources {
  readonly #trustDomain: string;
  readonly #held = new Map<string, Held>();
  /** Those that can be served, by key. */
  readonly #entries = new EntryIndex();
  revision = 0n;
  /** Another one after every update, also one that repeats a revision. */
  version = 0;

  constructor(trustDomain: string) {
    this.#trustDomain = trustDomain;
  }

  /** What is as it was stays the same object: nothing that was made of it is made again. */
  apply(update: WholeUpdate): Applied {
    const unread: string[] = [];
    const kinds = new Set<string>();
    const entries: EntryResource[] = [];
    const set = (place: string, kind: string, key: string, held: Held | undefined): void => {
      if (held === undefined && !this.#held.has(place)) return;
      if (held === undefined) this.#held.delete(place);
      else this.#held.set(place, held);
      kinds.add(kind);
      if (kind === 'Entry') entries.push(...this.#setEntry(key, held));
    };
    for (const { kind, key } of update.full ? this.#unnamed(update) : update.removals)
      set(placeOf(kind, key), kind, key, undefined);
    for (const { kind, key, bodyJson } of update.upserts) {
      const place = placeOf(kind, key);
      if (this.#held.get(place)?.json === bodyJson) continue;
      const held = read(kind, key, bodyJson);
      if (held === undefined) unread.push(`${kind} ${key}`);
      set(place, kind, key, held);
    }
    this.revision = update.revision;
    this.version++;
    return { unread, touched: { kinds, entries } };
  }

  /** What the server is told of it when a stream opens. */
  held(): { readonly revision: bigint; readonly digest: Uint8Array } {
    const { revision } = this;
    return { revision, digest: revision === 0n ? Buffer.alloc(0) : stateDigest(this.#held.values()) };
  }

  /** What is of one of these kinds, as it came. */
  select(kinds: readonly ResourceKind[]): readonly Held[] {
    return [...this.#held.values()].filter(({ kind }) => kinds.some((wanted) => wanted === kind));
  }

  /** Entries by priority, the highest first, then by id; those that could not be served are left out. */
  entries(): readonly EntryResource[] {
    return this.#entries.all().toSorted(compareEntries);
  }

  hasEntry(id: string): boolean {
    return this.#entries.find(id) !== undefined;
  }

  /** Entries all of whose selectors are seen, in no order. */
  matching(seen: ReadonlySet<string>): readonly EntryResource[] {
    return this.#entries.matching(seen);
  }

  /** Bundles of this and of other trust domains, as far as they can be read. */
  bundles(): readonly BundleResource[] {
    return this.select(['Bundle']).flatMap(({ key }) => this.bundle(key) ?? []);
  }

  bundle(trustDomain: string): BundleResource | undefined {
    const value = this.#held.get(placeOf('Bundle', trustDomain))?.value;
    return isBundle(value, trustDomain) ? value : undefined;
  }

  /** What is held and not named by an update that is whole. */
  #unnamed({ upserts }: WholeUpdate): readonly Held[] {
    const named = new Set(upserts.map(({ kind, key }) => placeOf(kind, key)));
    return [...this.#held].filter(([place]) => !named.has(place)).map(([, held]) => held);
  }

  /** The entry that was served, and the one that is. */
  #setEntry(key: string, held: Held | undefined): readonly EntryResource[] {
    const was = this.#entries.find(key);
    const now = isEntry(held?.value, this.#trustDomain) && held.value.id === key ? held.value : undefined;
    if (now === undefined) this.#entries.remove(key);
    else this.#entries.put(key, now);
    return [was, now].filter((entry) => entry !== undefined);
  }
}

function placeOf(kind: string, key: string): string {
  return `${kind}\n${key}`;
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
