import { type Clock, type Closeable, Fault, type Random } from '#kernel';
import type { SpiffeId, TrustDomain } from '#spiffe';
import type { AppendedAuthority } from './appended.ts';
import type { AuthorityBundle } from './authority-bundle.ts';
import type { AuthorityKind } from './authority-kind.ts';
import type { AuthorityState } from './authority-state.ts';
import { type DownstreamCaRequest, type IssuedCa, issueDownstreamCa } from './downstream-ca.ts';
import type { AuthorityJournal } from './journal.ts';
import type { KeyManager } from './key-manager.ts';
import { type KeySlots, keySlots } from './key-slots.ts';
import type { KeyType } from './key-type.ts';
import { makeSlot, type NewSlot } from './make-slot.ts';
import { ObservedKeyManager } from './observed-key-manager.ts';
import type { BundleListener } from './publication.ts';
import { type Slot, toState } from './slot.ts';
import { type IssuedToken, type JwtSvidRequest, TokenIssuer, type WitSvidRequest } from './token-issuer.ts';
import { toUpstream } from './upstream.ts';
import type { UpstreamAuthority } from './upstream-authority.ts';
import { makeUpstreamSlot } from './upstream-slot.ts';
import { type IssuedX509Svid, type IssueRequest, X509Issuer } from './x509-issuer.ts';

export interface AuthorityOptions {
  readonly trustDomain: TrustDomain;
  readonly keyManager: KeyManager;
  readonly journal: AuthorityJournal;
  readonly clock: Clock;
  readonly random: Random;
  /** Of CAs and of the keys that sign tokens. */
  readonly caTtlSeconds: number;
  /** The bundle's sequence goes on from here at the least, also where the journal is new or was restored from a backup: it never falls. */
  readonly sequenceFloor?: number;
  /** Signs the CAs of this authority; absent: they sign themselves. */
  readonly upstream?: UpstreamAuthority;
  /** `ec-p256` where none is said. */
  readonly keyType?: KeyType;
  /** `iss` of JWT-SVIDs, where OpenID Connect discovery is served; asked for each. */
  readonly jwtIssuer?: () => string | undefined;
}

/**
 * The authority of one trust domain: keys for X509-, JWT- and WIT-SVIDs, each prepared and published ahead of time, activated, and retired when
 * it has expired; and the issuing of all three.
 */
export class Authority implements Closeable {
  readonly #options: AuthorityOptions;
  readonly #keys: ObservedKeyManager;
  readonly #slots: KeySlots;
  readonly #x509: X509Issuer;
  readonly #tokens: TokenIssuer;

  constructor(options: AuthorityOptions) {
    this.#keys = new ObservedKeyManager(options.keyManager);
    this.#options = { ...options, keyManager: this.#keys };
    const { upstream, ...ports } = this.#options;
    const above = upstream === undefined ? {} : { upstream: toUpstream(upstream) };
    this.#slots = keySlots({ ...ports, ...above, make: (kind) => this.#make(kind) });
    this.#x509 = new X509Issuer(this.#options);
    this.#tokens = new TokenIssuer(this.#options);
  }

  /** Loads what the journal remembers, makes what is missing, and starts to rotate by time. */
  ready(): Promise<void> {
    return this.#slots.rotation.open();
  }

  /** Makes keys of a kind that there are none of yet, as the first request for its SVIDs does. */
  async use(kind: AuthorityKind): Promise<void> {
    this.#slots.rotation.want(kind);
    await this.rotateIfDue();
  }

  /** The same object until its content changes. */
  bundle(): AuthorityBundle {
    return this.#slots.authorities.bundle;
  }

  /** Calls back on every change of the bundle, before anything new in it signs. Returns how to stop. */
  onBundleChange(listener: BundleListener): () => void {
    return this.#slots.publication.onBundleChange(listener);
  }

  /** Milliseconds since the epoch, or undefined before there is an active CA. */
  get caNotAfter(): number | undefined {
    return this.#slots.authorities.active('x509')?.notAfter;
  }

  /**
   * Why SVIDs of some kind that is in use cannot be issued now: no key of it is valid, or the key manager did not sign when it was last asked.
   * Asks nobody.
   */
  trouble(): Fault | undefined {
    const lacking = this.#slots.rotation.kinds().find((kind) => this.#usable(kind) === undefined && !this.#isNew(kind));
    return lacking === undefined ? this.#keys.fault : this.#unusable(lacking);
  }

  /** The keys of one kind, oldest first. */
  states(kind: AuthorityKind): readonly AuthorityState[] {
    return this.#slots.authorities.of(kind).map(toState);
  }

  /** Makes and publishes the next key, in the place of one that was prepared before. */
  prepare(kind: AuthorityKind): Promise<AuthorityState> {
    return this.#slots.commands.prepare(kind);
  }

  /** Signs with a prepared key from now on. Throws `AUTHORITY_STATE_INVALID` for one that is not prepared, `NOT_FOUND`. */
  activate(kind: AuthorityKind, id: string): Promise<AuthorityState> {
    return this.#slots.commands.activate(kind, id);
  }

  /** Has everything that an old key signed replaced. Throws `AUTHORITY_STATE_INVALID` for one that is not old, `NOT_FOUND`. */
  taint(kind: AuthorityKind, id: string): Promise<AuthorityState> {
    return this.#slots.commands.taint(kind, id);
  }

  /** Takes a tainted key out of the bundle. Throws `AUTHORITY_STATE_INVALID` for one that is not old and tainted, `NOT_FOUND`. */
  revoke(kind: AuthorityKind, id: string): Promise<AuthorityState> {
    return this.#slots.commands.revoke(kind, id);
  }

  /** Takes authorities that others sign with into the bundle. Throws `ALREADY_EXISTS`, `LIMIT_EXCEEDED`. */
  append(authorities: readonly AppendedAuthority[]): Promise<void> {
    return this.#slots.commands.append(authorities);
  }

  /** As `taint` and `revoke`, for an upstream's root by its subject key id; not for the one above the active CA. */
  taintUpstream(id: string): Promise<void> {
    return this.#slots.commands.taintUpstream(id);
  }

  revokeUpstream(id: string): Promise<void> {
    return this.#slots.commands.revokeUpstream(id);
  }

  /** Throws `IDENTITY_UNAVAILABLE` when no CA is valid now, `SPIFFE_ID_INVALID` for an id of another trust domain or without path. */
  async issueX509Svid(request: IssueRequest): Promise<IssuedX509Svid> {
    this.#assertOwn(request.id);
    return this.#x509.issue(request, await this.#active('x509'), this.bundle());
  }

  /** Throws as `issueX509Svid`, and `ARGUMENT_INVALID` without audience. */
  async issueJwtSvid(request: JwtSvidRequest): Promise<IssuedToken> {
    this.#assertOwn(request.id);
    return this.#tokens.issueJwt(request, await this.#active('jwt'), this.bundle());
  }

  /** Throws as `issueX509Svid`, `JWK_INVALID` and `ARGUMENT_INVALID` for a key that is none or does not fit its algorithm. */
  async issueWitSvid(request: WitSvidRequest): Promise<IssuedToken> {
    this.#assertOwn(request.id);
    return this.#tokens.issueWit(request, await this.#active('wit'), this.bundle());
  }

  /** An intermediate CA for a server below this one. Throws `IDENTITY_UNAVAILABLE`. */
  async issueDownstreamCa(request: DownstreamCaRequest): Promise<IssuedCa> {
    const active = await this.#active('x509');
    return issueDownstreamCa(request, { active, bundle: this.bundle(), options: this.#options });
  }

  /** Prepares, activates and retires what is due at this moment; heals at once when an active key has expired. */
  rotateIfDue(): Promise<void> {
    return this.#slots.rotation.rotateIfDue();
  }

  close(): Promise<void> {
    return this.#slots.rotation.close();
  }

  #assertOwn(id: SpiffeId): void {
    if (id.trustDomain !== this.#options.trustDomain || id.path === '')
      throw new Fault('SPIFFE_ID_INVALID', 'an authority issues for paths of its own trust domain only');
  }

  async #active(kind: AuthorityKind): Promise<Slot> {
    if (this.#usable(kind) === undefined) await this.use(kind);
    const active = this.#usable(kind);
    if (active !== undefined) return active;
    throw this.#unusable(kind);
  }

  #unusable(kind: AuthorityKind): Fault {
    return new Fault(
      'IDENTITY_UNAVAILABLE',
      this.#slots.authorities.active(kind) === undefined
        ? 'the authority has no key of this kind at the moment'
        : 'the key of the authority is not valid now, or not here: servers of one store need one place for their keys',
    );
  }

  /** Nothing was signed yet by a key of this kind; the first that is asked for activates the one that is prepared. */
  #isNew(kind: AuthorityKind): boolean {
    const states = this.states(kind);
    return kind !== 'x509' && states.length > 0 && states.every(({ state }) => state === 'prepared');
  }

  #usable(kind: AuthorityKind): Slot | undefined {
    const active = this.#slots.authorities.active(kind);
    const now = this.#options.clock.now();
    if (active === undefined || !this.#slots.keys.has(active)) return undefined;
    return active.notBefore <= now && now < active.notAfter ? active : undefined;
  }

  async #make(kind: AuthorityKind): Promise<NewSlot> {
    const { keyType = 'ec-p256', caTtlSeconds, upstream } = this.#options;
    const options = { ...this.#options, ttlSeconds: caTtlSeconds };
    if (kind === 'x509' && upstream !== undefined) return makeUpstreamSlot(keyType, options, upstream);
    return { slot: await makeSlot(kind, keyType, options) };
  }
}
