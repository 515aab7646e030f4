import { type Clock, Fault, type Random } from '#kernel';
import { type SpiffeId, type TrustDomain, verifyX509SvidInPool, type X509BundleSet, x509Bundle } from '#spiffe';
import { encodeCertificate, encodeSignedPart, keyId } from '#x509';
import type { AuthorityBundle } from './authority-bundle.ts';
import type { KeyManager } from './key-manager.ts';
import { KEY_USE } from './key-type.ts';
import { backdateMillis, LEAF_SUBJECT } from './profile.ts';
import { SerialNumbers } from './serial-numbers.ts';
import type { Slot } from './slot.ts';

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

export interface IssuerOptions {
  readonly trustDomain: TrustDomain;
  readonly keyManager: KeyManager;
  readonly clock: Clock;
  readonly random: Random;
}

/** Issues X509-SVIDs in three steps: say what it will be, sign, validate what was made as a relying party would. */
export class X509Issuer {
  readonly #options: IssuerOptions;
  readonly #serials: SerialNumbers;
  #bundle: AuthorityBundle | undefined;
  #bundles: X509BundleSet = new Map();

  constructor(options: IssuerOptions) {
    this.#options = options;
    this.#serials = new SerialNumbers(options.random);
  }

  /** Throws `IDENTITY_UNAVAILABLE` when what was made does not verify by the published bundle. */
  async issue(request: IssueRequest, active: Slot, bundle: AuthorityBundle): Promise<IssuedX509Svid> {
    const issued = await this.#sign(request, active);
    await this.#revalidate(request, issued, { active, bundle });
    return issued;
  }

  async #sign(request: IssueRequest, active: Slot): Promise<IssuedX509Svid> {
    const { clock, keyManager } = this.#options;
    const [authority, ...above] = active.chain;
    if (authority === undefined) throw new Fault('INTERNAL_ERROR', 'a slot for certificates has none of its own');
    const now = clock.now();
    const notBefore = Math.max(now - backdateMillis(request.ttlSeconds), authority.notBefore);
    const notAfter = Math.min(now + request.ttlSeconds * 1000, ...active.chain.map((one) => one.notAfter));
    const serial = this.#serials.next();
    const scheme = KEY_USE[active.keyType].certificate;
    const tbs = encodeSignedPart({
      kind: 'leaf',
      serial,
      subject: LEAF_SUBJECT,
      issuer: authority.subjectDer,
      notBefore,
      notAfter,
      spki: request.publicKeySpki,
      issuerKeyId: authority.subjectKeyId ?? keyId(authority.spki),
      uri: request.id.toString(),
      scheme,
      ...(request.dnsNames === undefined ? {} : { dnsNames: request.dnsNames }),
    });
    const leaf = encodeCertificate(tbs, await keyManager.sign(active.keyName, tbs), scheme);
    const isRoot = authority.issuerDer.equals(authority.subjectDer);
    return {
      chain: isRoot ? [leaf] : [leaf, authority.der, ...above.map(({ der }) => der)],
      serial: serial.toString('hex'),
      notBefore: whole(notBefore),
      notAfter: whole(notAfter),
    };
  }

  /** The third step: whatever leaves here is accepted by the validator that relying parties use. */
  async #revalidate(
    request: IssueRequest,
    issued: IssuedX509Svid,
    { active, bundle }: { readonly active: Slot; readonly bundle: AuthorityBundle },
  ): Promise<void> {
    try {
      const [leaf = Buffer.alloc(0)] = issued.chain;
      const chain = issued.chain.length === 1 ? [leaf] : [leaf, ...active.chain];
      const verified = await verifyX509SvidInPool({
        chain,
        bundles: this.#trusted(bundle),
        at: this.#options.clock.now(),
      });
      if (!verified.id.equals(request.id) || !verified.leaf.spki.equals(request.publicKeySpki)) throw mismatch();
    } catch (cause) {
      throw new Fault('IDENTITY_UNAVAILABLE', 'the certificate that was made does not verify, so it is not given out', {
        cause,
      });
    }
  }

  #trusted(bundle: AuthorityBundle): X509BundleSet {
    if (bundle === this.#bundle) return this.#bundles;
    const { trustDomain } = this.#options;
    const ders = bundle.x509Authorities.map((text) => Buffer.from(text, 'base64'));
    this.#bundles = new Map([[trustDomain, x509Bundle(trustDomain, ders)]]);
    this.#bundle = bundle;
    return this.#bundles;
  }
}

function whole(millis: number): number {
  return Math.floor(millis / 1000) * 1000;
}

function mismatch(): Fault {
  return new Fault('INTERNAL_ERROR', 'the certificate says something else than was asked for');
}
