import { type Clock, type Closeable, Fault, faultCode, LIMITS, type Scheduled } from '#kernel';
import type { TrustDomain } from '#spiffe';
import {
  type AppendedAuthority,
  appended,
  followed,
  revokeAppended,
  stateOfAppended,
  taintAppended,
} from './appended.ts';
import { type AuthorityBundle, bundleContent } from './authority-bundle.ts';
import { AUTHORITY_KINDS, type AuthorityJournal, type AuthorityKind, type JournalAnchor } from './journal.ts';
import type { KeyManager } from './key-manager.ts';
import { activated, dueStep, nextDue, revoked, slotOf, tainted, wrongState } from './rotation.ts';
import { type AuthorityState, fromJournal, type Slot, toJournal, toState, upstreamAuthorityId } from './slot.ts';

export interface NewSlot {
  readonly slot: Slot;
  /** The upstream's roots, when it signed the slot. */
  readonly upstream?: readonly JournalAnchor[];
}

export interface KeySlotsOptions {
  readonly trustDomain: TrustDomain;
  readonly keyManager: KeyManager;
  readonly journal: AuthorityJournal;
  readonly clock: Clock;
  readonly sequenceFloor?: number;
  readonly make: (kind: AuthorityKind) => Promise<NewSlot>;
  readonly upstream?: Upstream;
}

/** What is above, where there is something above. */
export interface Upstream {
  bundle(): Promise<{ readonly anchors: readonly JournalAnchor[]; readonly keys: readonly AppendedAuthority[] }>;
  publish(keys: readonly AppendedAuthority[]): Promise<void>;
}

/** Told of every new bundle. Nothing that is new in it signs before every listener has returned. */
export type BundleListener = (bundle: AuthorityBundle) => void | Promise<void>;

interface Contents {
  readonly slots: readonly Slot[];
  readonly upstream: readonly JournalAnchor[];
  readonly appended: readonly AppendedAuthority[];
}

const RETRY_MILLIS = 10_000;
const UPSTREAM_MILLIS = 60_000;
const MAX_CONFLICTS = 8;

/**
 * The keys of one trust domain's authorities, of all kinds: rotation by time and by command, the journal that the servers of the trust domain
 * share, and the bundle that follows from it. A key is published before it is activated (SPIFFE Federation §5.1).
 */
export class KeySlots implements Closeable {
  readonly #options: KeySlotsOptions;
  readonly #listeners = new Set<BundleListener>();
  readonly #held = new Set<string>();
  /** Own keys that the upstream publishes too. */
  readonly #above = new Set<string>();
  #contents: Contents = { slots: [], upstream: [], appended: [] };
  #bundle: AuthorityBundle;
  #version = 0;
  #published = 0;
  #timer: Scheduled | undefined;
  #again: Scheduled | undefined;
  #unwatch: (() => void) | undefined;
  #queue: Promise<void> = Promise.resolve();
  #closed = false;
  /**
   * WIT-SVIDs are new: relying parties as old as SPIRE 1.13 refuse a whole bundle with a key whose `use` they do not know. So there is no
   * WIT key before the first WIT-SVID is asked for.
   */
  readonly #wanted = new Set<AuthorityKind>(['x509', 'jwt']);

  constructor(options: KeySlotsOptions) {
    this.#options = options;
    this.#bundle = { trustDomain: options.trustDomain, ...bundleContent([], []), sequence: options.sequenceFloor ?? 0 };
  }

  /** Loads what the journal remembers, replaces what this process cannot sign with, and starts to rotate by time. */
  async open(): Promise<void> {
    await this.#exclusively(async () => {
      await this.#load();
      // Where several servers share the journal, a key that is not here is another server's, and not lost.
      if (this.#options.journal.watch === undefined) await this.#replaceLostKeys();
    });
    this.#published = this.#bundle.sequence;
    this.#unwatch = this.#options.journal.watch?.(() => void this.rotateIfDue().catch(() => undefined));
    await this.rotateIfDue();
  }

  get bundle(): AuthorityBundle {
    return this.#bundle;
  }

  get slots(): readonly Slot[] {
    return this.#contents.slots;
  }

  of(kind: AuthorityKind): readonly Slot[] {
    return this.#contents.slots.filter((slot) => slot.kind === kind);
  }

  /** The kinds that there are keys of, or are to be. */
  kinds(): readonly AuthorityKind[] {
    return AUTHORITY_KINDS.filter((kind) => this.#wanted.has(kind) || this.of(kind).length > 0);
  }

  /** From now on there are keys of this kind. */
  want(kind: AuthorityKind): void {
    this.#wanted.add(kind);
  }

  active(kind: AuthorityKind): Slot | undefined {
    return this.#contents.slots.find((slot) => slot.kind === kind && slot.state === 'active');
  }

  /** True when the key of a slot is in this server's key manager. */
  canSign({ keyName }: Slot): boolean {
    return this.#held.has(keyName);
  }

  onBundleChange(listener: BundleListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Does what is due at this moment, step by step; heals at once when an active key has expired. */
  rotateIfDue(): Promise<void> {
    return this.#exclusively(async () => {
      try {
        await this.#load();
        await this.#publish();
        await this.#expire();
        await this.#followUpstream();
        for (const kind of this.kinds()) await this.#rotate(kind);
      } finally {
        this.#schedule();
      }
    });
  }

  /** A new key, published, in the place of one that was prepared before. Returns its slot. */
  prepare(kind: AuthorityKind): Promise<Slot> {
    return this.#command(() => {
      // By time alone there are never more than a few: what a lifetime makes, expires in one.
      if (this.of(kind).filter(({ state }) => state !== 'prepared').length >= LIMITS.authoritySlots.value)
        throw new Fault('LIMIT_EXCEEDED', 'too many authorities of this kind are in the bundle: revoke old ones first');
      return this.#prepare(kind);
    });
  }

  activate(kind: AuthorityKind, id: string): Promise<Slot> {
    return this.#command(async () => {
      assertKind(slotOf(this.slots, id), kind);
      const slots = activated(this.slots, id);
      await this.#publish();
      await this.#publishAbove();
      await this.#commit({ ...this.#contents, slots });
      return slotOf(this.slots, id);
    });
  }

  /** Takes authorities of others into the bundle. Throws `ALREADY_EXISTS`, `LIMIT_EXCEEDED`. */
  append(more: readonly AppendedAuthority[]): Promise<void> {
    return this.#command(async () => {
      const own = more.find(({ id }) => this.slots.some((slot) => slot.id === id));
      if (own !== undefined) throw new Fault('ALREADY_EXISTS', 'an authority of this id is the own one');
      await this.#commit({ ...this.#contents, appended: appended(this.#contents.appended, more) });
      await this.#publish();
    });
  }

  taint(kind: AuthorityKind, id: string): Promise<AuthorityState> {
    return this.#command(async () => {
      const other = this.#appended(kind, id);
      if (other !== undefined) return this.#changeAppended(other, taintAppended);
      const slot = assertKind(slotOf(this.slots, id), kind);
      const slots = tainted(this.slots, id);
      assertOwnRoot(slot);
      await this.#commit({ ...this.#contents, slots });
      await this.#publish();
      return toState(slotOf(this.slots, id));
    });
  }

  revoke(kind: AuthorityKind, id: string): Promise<AuthorityState> {
    return this.#command(async () => {
      const other = this.#appended(kind, id);
      if (other !== undefined) return this.#changeAppended(other, revokeAppended);
      const slot = assertKind(slotOf(this.slots, id), kind);
      const slots = revoked(this.slots, id);
      assertOwnRoot(slot);
      await this.#commit({ ...this.#contents, slots });
      await this.#publish();
      return toState(slot);
    });
  }

  /** Everything below an upstream's root that no active CA stands under is to be replaced. */
  taintUpstream(id: string): Promise<void> {
    return this.#command(async () => {
      const anchor = this.#upstream(id);
      if (anchor.tainted) throw wrongState('the authority is already tainted');
      const upstream = this.#contents.upstream.map((one) => (one.id === id ? { ...one, tainted: true } : one));
      await this.#commit({ ...this.#contents, upstream });
      await this.#publish();
    });
  }

  revokeUpstream(id: string): Promise<void> {
    return this.#command(async () => {
      if (!this.#upstream(id).tainted) throw wrongState('it is not possible to revoke an untainted authority');
      await this.#commit({
        ...this.#contents,
        slots: this.slots.filter((slot) => upstreamAuthorityId(slot.chain) !== id),
        upstream: this.#contents.upstream.map((one) => (one.id === id ? { ...one, revoked: true } : one)),
      });
      await this.#publish();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#again?.cancel();
    this.#unwatch?.();
    await this.#queue.catch(() => undefined);
  }

  #appended(kind: AuthorityKind, id: string): AppendedAuthority | undefined {
    return this.#contents.appended.find((one) => one.kind === kind && one.id === id);
  }

  async #changeAppended(
    target: AppendedAuthority,
    change: (present: readonly AppendedAuthority[], target: AppendedAuthority) => readonly AppendedAuthority[],
  ): Promise<AuthorityState> {
    await this.#commit({ ...this.#contents, appended: change(this.#contents.appended, target) });
    await this.#publish();
    return stateOfAppended(this.#appended(target.kind, target.id) ?? target);
  }

  #upstream(id: string): JournalAnchor {
    if (this.#contents.upstream.length === 0) throw wrongState('upstream authority is not configured');
    const anchor = this.#contents.upstream.find((one) => one.id === id && !one.revoked);
    if (anchor === undefined) throw new Fault('NOT_FOUND', 'no upstream authority of this subject key id');
    if (this.slots.some((slot) => slot.state === 'active' && upstreamAuthorityId(slot.chain) === id))
      throw wrongState('unable to use the upstream authority of the current authority');
    return anchor;
  }

  async #rotate(kind: AuthorityKind): Promise<void> {
    const now = this.#options.clock.now();
    // Of several servers it may be this one's clock that is wrong: it says so in its health, and replaces nothing.
    const due = () => dueStep(this.of(kind), now, this.#options.journal.watch === undefined);
    if (due() === 'prepare') await this.#prepare(kind);
    const prepared = this.of(kind).find(({ state }) => state === 'prepared');
    if (prepared === undefined || due() !== 'activate') return;
    await this.#publishAbove();
    await this.#commit({ ...this.#contents, slots: activated(this.slots, prepared.id) });
  }

  async #prepare(kind: AuthorityKind): Promise<Slot> {
    const others = this.slots.filter((slot) => slot.kind !== kind || slot.state !== 'prepared');
    const { slot, upstream = [] } = await this.#options.make(kind);
    this.#held.add(slot.keyName);
    try {
      await this.#commit({
        ...this.#contents,
        slots: [...others, slot],
        upstream: merged(this.#contents.upstream, upstream),
      });
    } catch (error) {
      await this.#options.keyManager.delete(slot.keyName).catch(() => undefined);
      throw error;
    }
    await this.#publish();
    await this.#publishAbove();
    return slot;
  }

  async #expire(): Promise<void> {
    const now = this.#options.clock.now();
    const isLive = ({ notAfter }: { readonly notAfter: number }): boolean => notAfter > now;
    await this.#commit({
      slots: this.slots.filter(isLive),
      upstream: this.#contents.upstream.filter(isLive),
      appended: this.#contents.appended.filter(({ notAfter = Infinity }) => notAfter > now),
    });
    await this.#publish();
  }

  /**
   * Takes new roots of the upstream into the bundle, and drops those that it has dropped once nothing stands under them. When it has tainted the
   * root of the active CA, another CA takes its place first. While the upstream is away everything stays as it is.
   */
  async #followUpstream(): Promise<void> {
    const found = await this.#options.upstream?.bundle().catch(() => undefined);
    if (found === undefined) return;
    const { anchors: roots, keys } = found;
    await this.#publishAbove().catch(() => undefined);
    const used = new Set(this.slots.map(({ chain }) => upstreamAuthorityId(chain)));
    const kept = this.#contents.upstream.filter(
      ({ id, revoked }) => revoked || used.has(id) || roots.some((root) => root.id === id),
    );
    const isNewlyTainted = (id: string): boolean =>
      roots.some((root) => root.id === id && root.tainted) && kept.some((one) => one.id === id && !one.tainted);
    const foreign = keys.filter(({ id }) => !this.slots.some((slot) => slot.id === id));
    const appendedNow = followed(this.#contents.appended, foreign);
    await this.#commit({ ...this.#contents, upstream: merged(kept, roots), appended: appendedNow });
    await this.#publish();
    const active = upstreamAuthorityId(this.active('x509')?.chain ?? []);
    if (active !== undefined && isNewlyTainted(active)) {
      const prepared = await this.#prepare('x509');
      if (upstreamAuthorityId(prepared.chain) === active) return;
      await this.#commit({ ...this.#contents, slots: activated(this.slots, prepared.id) });
    }
    const upstream = this.#contents.upstream.map((one) => (isNewlyTainted(one.id) ? { ...one, tainted: true } : one));
    if (roots.some(({ id }) => isNewlyTainted(id))) await this.#commit({ ...this.#contents, upstream });
    await this.#publish();
  }

  /** Saves what has changed. Keys of slots that are gone go with them. */
  async #commit(next: Contents): Promise<void> {
    const before = this.#contents;
    const same = sameList(before.slots, next.slots) && sameList(before.upstream, next.upstream);
    if (same && sameList(before.appended, next.appended)) return;
    const content = bundleContent(next.slots, next.upstream, next.appended);
    const { trustDomain, sequence: last } = this.#bundle;
    const changed = JSON.stringify({ trustDomain, ...content, sequence: last }) !== JSON.stringify(this.#bundle);
    const sequence = changed ? last + 1 : last;
    const version = this.#version + 1;
    const { upstream, appended } = next;
    const record = { version, sequence, slots: next.slots.map(toJournal), upstream, appended };
    await this.#options.journal.save(record, this.#version);
    this.#version = version;
    this.#contents = next;
    this.#bundle = { trustDomain, ...content, sequence };
    for (const { keyName } of before.slots) {
      if (next.slots.some((slot) => slot.keyName === keyName)) continue;
      this.#held.delete(keyName);
      // What was decided is saved; a key that cannot be deleted now signs nothing all the same.
      await this.#options.keyManager.delete(keyName).catch(() => undefined);
    }
  }

  /** Returns when every listener has taken the bundle; throws what one of them throws, and then nothing new is activated. */
  async #publish(): Promise<void> {
    if (this.#published === this.#bundle.sequence) return;
    const bundle = this.#bundle;
    for (const listener of this.#listeners) await listener(bundle);
    this.#published = bundle.sequence;
  }

  /** Relying parties may have the upstream's bundle alone: no token is signed by a key that is not in it. */
  async #publishAbove(): Promise<void> {
    const { upstream } = this.#options;
    const slots = this.slots.filter(({ kind, id }) => kind !== 'x509' && !this.#above.has(id));
    if (upstream === undefined || slots.length === 0) return;
    await upstream.publish(slots.map(toAppended));
    for (const { id } of slots) this.#above.add(id);
  }

  async #load(): Promise<void> {
    const record = await this.#options.journal.load();
    if (record === undefined || record.version === this.#version) return;
    const slots = record.slots.map(fromJournal);
    const { version, upstream, appended = [] } = record;
    // A journal that a backup brought back is behind what was published, and the next bundle must not be.
    const sequence = Math.max(record.sequence, this.#options.sequenceFloor ?? 0);
    await this.#lookForKeys(slots);
    this.#version = version;
    this.#contents = { slots, upstream, appended };
    this.#bundle = { trustDomain: this.#options.trustDomain, ...bundleContent(slots, upstream, appended), sequence };
  }

  /** A key that is lost signs no more: what it signed stays trusted, and another key takes its place. */
  async #replaceLostKeys(): Promise<void> {
    const slots = this.slots.flatMap((slot): readonly Slot[] => {
      if (slot.state === 'old' || this.canSign(slot)) return [slot];
      return slot.state === 'active' ? [{ ...slot, state: 'old' }] : [];
    });
    await this.#commit({ ...this.#contents, slots });
  }

  async #lookForKeys(slots: readonly Slot[]): Promise<void> {
    for (const { state, keyName, spki } of slots) {
      if (state === 'old' || this.#held.has(keyName)) continue;
      const found = await this.#options.keyManager.find(keyName);
      if (found?.equals(spki) === true) this.#held.add(keyName);
    }
  }

  #command<T>(work: () => Promise<T>): Promise<T> {
    return this.#exclusively(async () => {
      try {
        await this.#load();
        return await work();
      } finally {
        this.#schedule();
      }
    });
  }

  /** One change at a time here; when another server was faster, everything is judged again on what it left. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(async () => {
      for (let conflicts = 0; ; conflicts++) {
        try {
          return await work();
        } catch (error) {
          if (faultCode(error) !== 'JOURNAL_CONFLICT' || conflicts >= MAX_CONFLICTS) throw error;
          await this.#load();
        }
      }
    });
    this.#queue = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#again?.cancel();
    if (this.#closed) return;
    const { clock } = this.#options;
    const now = clock.now();
    const soonest = Math.min(...this.kinds().map((kind) => nextDue(this.of(kind)) ?? now));
    const rotate = (): void => void this.rotateIfDue().catch(() => undefined);
    // What is due and still not done has failed: it is tried again soon.
    const isLate = this.#published !== this.#bundle.sequence || soonest <= now;
    if (!isLate) this.#timer = clock.at(soonest, rotate);
    if (isLate) this.#again = clock.after(RETRY_MILLIS, rotate);
    else if (this.#options.upstream !== undefined) this.#again = clock.after(UPSTREAM_MILLIS, rotate);
  }
}

function toAppended({ kind, id, spki, notAfter, tainted: isTainted }: Slot): AppendedAuthority {
  return { kind, id, content: spki.toString('base64'), notAfter, tainted: isTainted };
}

function assertKind(slot: Slot, kind: AuthorityKind): Slot {
  if (slot.kind !== kind) throw new Fault('NOT_FOUND', 'unexpected authority ID');
  return slot;
}

/** A CA below an upstream is trusted through the upstream's root: taking it out of the bundle would change nothing. */
function assertOwnRoot(slot: Slot): void {
  if (upstreamAuthorityId(slot.chain) !== undefined)
    throw wrongState("local authority can't be tainted or revoked if there is an upstream authority");
}

/** What is known of an anchor stays: an upstream can bring anchors, and neither clear nor bring back one. */
function merged(known: readonly JournalAnchor[], found: readonly JournalAnchor[]): readonly JournalAnchor[] {
  const added = found
    .filter(({ id }) => !known.some((one) => one.id === id))
    .map((one) => ({ ...one, tainted: false }));
  return [...known, ...added];
}

function sameList<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}
