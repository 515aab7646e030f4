import { type Clock, type Closeable, Fault, type Random, type Scheduled } from '#kernel';
import { SpiffeId, type TrustDomain, verifyX509Svid, type X509BundleSet, x509Bundle } from '#spiffe';
import { type Certificate, encodeCertificate, encodeSignedPart, keyId, parseCertificate } from '#x509';
import type { AuthorityJournal, JournalSlot, KeyManager } from './key-manager.ts';
import { authoritySubject, BACKDATE_MILLIS, LEAF_SUBJECT, rotationTimes, serialNumber } from './profile.ts';

export interface AuthorityOptions {
  readonly trustDomain: TrustDomain;
  readonly keyManager: KeyManager;
  readonly journal: AuthorityJournal;
  readonly clock: Clock;
  readonly random: Random;
  readonly caTtlSeconds: number;
}

export interface IssueRequest {
  readonly id: SpiffeId;
  /** SubjectPublicKeyInfo, DER, of the key that the holder made. */
  readonly publicKeySpki: Buffer;
  readonly ttlSeconds: number;
  readonly dnsNames?: readonly string[];
}

export interface IssuedX509Svid {
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
  readonly serial: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface AuthorityBundle {
  readonly trustDomain: string;
  /** Standard base64 of DER. */
  readonly x509Authorities: readonly string[];
  readonly sequence: number;
}

interface Slot {
  readonly keyName: string;
  readonly state: JournalSlot['state'];
  readonly certificate: Certificate;
}

/**
 * The X.509 authority of one trust domain: prepares the next CA ahead of time, activates it, retires the old one when it has expired,
 * and issues X509-SVIDs in three steps: say what it will be, sign, validate what was made as a relying party would.
 */
export class Authority implements Closeable {
  readonly #options: AuthorityOptions;
  readonly #listeners = new Set<(bundle: AuthorityBundle) => void>();
  #slots: readonly Slot[] = [];
  #sequence = 0;
  #bundles: X509BundleSet = new Map();
  #timer: Scheduled | undefined;
  #rotating: Promise<void> = Promise.resolve();

  constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  /** Loads what the journal remembers, makes what is missing, and starts to rotate by time. */
  async ready(): Promise<void> {
    const slots = (await this.#options.journal.load()) ?? [];
    const usable: Slot[] = [];
    for (const slot of slots) {
      this.#sequence = Math.max(this.#sequence, slot.sequence);
      if ((await this.#options.keyManager.find(slot.keyName)) === undefined) continue;
      usable.push({ ...slot, certificate: parseCertificate(Buffer.from(slot.certificate, 'base64')) });
    }
    this.#setSlots(usable);
    await this.rotateIfDue();
  }

  bundle(): AuthorityBundle {
    return {
      trustDomain: this.#options.trustDomain,
      x509Authorities: this.#slots.map((slot) => slot.certificate.der.toString('base64')),
      sequence: this.#sequence,
    };
  }

  /** Calls back after every change of the bundle. Returns how to stop. */
  onBundleChange(listener: (bundle: AuthorityBundle) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Milliseconds since the epoch, or undefined before there is an active CA. */
  get caNotAfter(): number | undefined {
    return this.#active()?.certificate.notAfter;
  }

  /** True when a certificate could be issued and verified now. */
  healthy(): boolean {
    const active = this.#active();
    const now = this.#options.clock.now();
    return active !== undefined && active.certificate.notBefore <= now && now < active.certificate.notAfter;
  }

  /** Throws `IDENTITY_UNAVAILABLE` when no CA is valid now, `SPIFFE_ID_INVALID` for an id of another trust domain or without path. */
  async issueX509Svid(request: IssueRequest): Promise<IssuedX509Svid> {
    if (request.id.trustDomain !== this.#options.trustDomain || request.id.path === '') {
      throw new Fault('SPIFFE_ID_INVALID', 'an authority issues for paths of its own trust domain only');
    }
    if (!this.healthy()) await this.rotateIfDue();
    const active = this.#active();
    if (active === undefined || !this.healthy())
      throw new Fault('IDENTITY_UNAVAILABLE', 'the authority has no valid CA at the moment');
    const issued = await this.#sign(request, active);
    this.#revalidate(request, issued);
    return issued;
  }

  /** Prepares, activates and retires what is due at this moment; heals at once when the active CA has expired. */
  rotateIfDue(): Promise<void> {
    this.#rotating = this.#rotating.catch(() => undefined).then(() => this.#rotate());
    return this.#rotating;
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#rotating.catch(() => undefined);
  }

  async #sign(request: IssueRequest, active: Slot): Promise<IssuedX509Svid> {
    const now = this.#options.clock.now();
    const notBefore = Math.max(now - BACKDATE_MILLIS, active.certificate.notBefore);
    const notAfter = Math.min(now + request.ttlSeconds * 1000, active.certificate.notAfter);
    const serial = serialNumber(this.#options.random);
    const tbs = encodeSignedPart({
      kind: 'leaf',
      serial,
      subject: LEAF_SUBJECT,
      issuer: active.certificate.subjectDer,
      notBefore,
      notAfter,
      spki: request.publicKeySpki,
      issuerKeyId: active.certificate.subjectKeyId ?? keyId(active.certificate.spki),
      uri: request.id.toString(),
      ...(request.dnsNames === undefined ? {} : { dnsNames: request.dnsNames }),
    });
    const certificate = encodeCertificate(tbs, await this.#options.keyManager.sign(active.keyName, tbs));
    return {
      chain: [certificate],
      serial: serial.toString('hex'),
      notBefore: whole(notBefore),
      notAfter: whole(notAfter),
    };
  }

  /** The third step: whatever leaves here is accepted by the validator that relying parties use. */
  #revalidate(request: IssueRequest, issued: IssuedX509Svid): void {
    try {
      const verified = verifyX509Svid({ chain: issued.chain, bundles: this.#bundles, at: this.#options.clock.now() });
      if (!verified.id.equals(request.id) || !verified.leaf.spki.equals(request.publicKeySpki)) throw mismatch();
    } catch (cause) {
      throw new Fault('IDENTITY_UNAVAILABLE', 'the certificate that was made does not verify, so it is not given out', {
        cause,
      });
    }
  }

  async #rotate(): Promise<void> {
    const now = this.#options.clock.now();
    let slots: readonly Slot[] = this.#slots.filter((slot) => slot.certificate.notAfter > now);
    const dropped = this.#slots.filter((slot) => !slots.includes(slot));
    const active = slots.find((slot) => slot.state === 'active');
    const times = active === undefined ? undefined : rotationTimes(active.certificate);
    let prepared = slots.find((slot) => slot.state === 'prepared');
    if (prepared === undefined && (times === undefined || now >= times.prepareAt)) {
      prepared = await this.#makeAuthority();
      slots = [...slots, prepared];
    }
    if (prepared !== undefined && (times === undefined || now >= times.activateAt)) slots = activate(slots, prepared);
    if (slots.length !== this.#slots.length || slots.some((slot, index) => slot !== this.#slots[index]))
      await this.#commit(slots);
    for (const slot of dropped) await this.#options.keyManager.delete(slot.keyName);
    this.#schedule();
  }

  async #makeAuthority(): Promise<Slot> {
    const { keyManager, random, clock, trustDomain, caTtlSeconds } = this.#options;
    const serial = serialNumber(random);
    const keyName = `x509-ca-${serial.toString('hex').slice(0, 16)}`;
    const spki = await keyManager.generate(keyName);
    const now = clock.now();
    const tbs = encodeSignedPart({
      kind: 'ca',
      serial,
      subject: authoritySubject(serial),
      issuer: authoritySubject(serial),
      notBefore: now - BACKDATE_MILLIS,
      notAfter: now + caTtlSeconds * 1000,
      spki,
      issuerKeyId: keyId(spki),
      uri: SpiffeId.of(trustDomain, '').toString(),
    });
    const certificate = parseCertificate(encodeCertificate(tbs, await keyManager.sign(keyName, tbs)));
    return { keyName, state: 'prepared', certificate };
  }

  async #commit(slots: readonly Slot[]): Promise<void> {
    const before = this.bundle().x509Authorities.join();
    const sequence = this.#sequence + 1;
    await this.#options.journal.save(
      slots.map(({ keyName, state, certificate }) => ({
        keyName,
        state,
        certificate: certificate.der.toString('base64'),
        sequence,
      })),
    );
    this.#sequence = sequence;
    this.#setSlots(slots);
    if (this.bundle().x509Authorities.join() !== before)
      for (const listener of this.#listeners) listener(this.bundle());
  }

  #setSlots(slots: readonly Slot[]): void {
    this.#slots = slots;
    const ders = slots.map((slot) => slot.certificate.der);
    this.#bundles = new Map([[this.#options.trustDomain, x509Bundle(this.#options.trustDomain, ders)]]);
  }

  #active(): Slot | undefined {
    return this.#slots.find((slot) => slot.state === 'active');
  }

  #schedule(): void {
    this.#timer?.cancel();
    const active = this.#active();
    if (active === undefined) return;
    const { prepareAt, activateAt } = rotationTimes(active.certificate);
    const hasNext = this.#slots.some((slot) => slot.state === 'prepared');
    this.#timer = this.#options.clock.at(
      hasNext ? activateAt : prepareAt,
      () => void this.rotateIfDue().catch(() => this.#schedule()),
    );
  }
}

function activate(slots: readonly Slot[], prepared: Slot): readonly Slot[] {
  return slots.map((slot) => {
    if (slot === prepared) return { ...slot, state: 'active' as const };
    return slot.state === 'active' ? { ...slot, state: 'old' as const } : slot;
  });
}

function whole(millis: number): number {
  return Math.floor(millis / 1000) * 1000;
}

function mismatch(): Fault {
  return new Fault('INTERNAL_ERROR', 'the certificate says something else than was asked for');
}
