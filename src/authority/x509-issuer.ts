import { type Clock, Fault, pooledRandom, type Random } from '#kernel';
import {
  type SpiffeId,
  type TrustDomain,
  verifyMadeX509Svid,
  verifyX509SvidInPool,
  type X509BundleSet,
  x509Bundle,
} from '#spiffe';
import { type Certificate, encodeCertificate, encodeSignedPart, keyId } from '#x509';
import type { AuthorityBundle } from './authority-bundle.ts';
import type { KeyManager } from './key-manager.ts';
import { KEY_USE } from './key-type.ts';
import { backdateMillis, leafSubject, type SubjectAttributes, serialNumber } from './profile.ts';
import { SignatureChecks } from './signature-checks.ts';
import type { Slot } from './slot.ts';

export interface IssueRequest {
  readonly id: SpiffeId;
  /** SubjectPublicKeyInfo, DER, of the key that the holder made. */
  readonly publicKeySpki: Buffer;
  readonly ttlSeconds: number;
  readonly dnsNames?: readonly string[];
  /** In place of the subject that every SVID has. */
  readonly subject?: SubjectAttributes;
}

export interface IssuedX509Svid {
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
  /** Lower-case hexadecimal magnitude, as `Certificate.serial`. */
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

interface Signed {
  readonly issued: Omit<IssuedX509Svid, 'serial'>;
  /** What the signature is over. */
  readonly signedPart: Buffer;
}

/** Issues X509-SVIDs in three steps: say what it will be, sign, validate what was made as a relying party would. */
export class X509Issuer {
  readonly #options: IssuerOptions;
  readonly #random: Random;
  readonly #checks: SignatureChecks;
  #bundle: AuthorityBundle | undefined;
  #bundles: X509BundleSet = new Map();

  constructor(options: IssuerOptions) {
    this.#options = options;
    this.#random = pooledRandom(options.random);
    this.#checks = new SignatureChecks(options.keyManager);
  }

  /** Throws `IDENTITY_UNAVAILABLE` when what was made does not verify by the published bundle. */
  async issue(request: IssueRequest, active: Slot, bundle: AuthorityBundle): Promise<IssuedX509Svid> {
    const { issued, signedPart } = await this.#sign(request, active);
    const checked = this.#checks.isDue(active, bundle);
    try {
      const { serial } = await this.#revalidate(request, { issued, signedPart, checked }, { active, bundle });
      if (checked) this.#checks.held(active);
      return { ...issued, serial };
    } catch (cause) {
      this.#checks.failed(active);
      throw new Fault('IDENTITY_UNAVAILABLE', 'the certificate that was made does not verify, so it is not given out', {
        cause,
      });
    }
  }

  async #sign(request: IssueRequest, active: Slot): Promise<Signed> {
    const { clock, keyManager } = this.#options;
    const [authority, ...above] = active.chain;
    if (authority === undefined) throw new Fault('INTERNAL_ERROR', 'a slot for certificates has none of its own');
    const now = clock.now();
    const notBefore = Math.max(now - backdateMillis(request.ttlSeconds), authority.notBefore);
    const notAfter = Math.min(now + request.ttlSeconds * 1000, ...active.chain.map((one) => one.notAfter));
    const serial = serialNumber(this.#random);
    const scheme = KEY_USE[active.keyType].certificate;
    const tbs = encodeSignedPart({
      kind: 'leaf',
      serial,
      subject: leafSubject(request.dnsNames, request.subject),
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
    const issued = {
      chain: isRoot ? [leaf] : [leaf, authority.der, ...above.map(({ der }) => der)],
      notBefore: whole(notBefore),
      notAfter: whole(notAfter),
    };
    return { issued, signedPart: tbs };
  }

  /** The third step: whatever leaves here is accepted by the validator that relying parties use. Returns the leaf as they read it. */
  async #revalidate(
    request: IssueRequest,
    { issued, signedPart, checked }: Signed & { readonly checked: boolean },
    { active, bundle }: { readonly active: Slot; readonly bundle: AuthorityBundle },
  ): Promise<Certificate> {
    const [leaf = Buffer.alloc(0)] = issued.chain;
    const [issuer] = active.chain;
    const chain = issued.chain.length === 1 ? [leaf] : [leaf, ...active.chain];
    const question = { chain, bundles: this.#trusted(bundle), at: this.#options.clock.now() };
    const verified =
      checked || issuer === undefined
        ? await verifyX509SvidInPool(question)
        : verifyMadeX509Svid(question, { issuer, signedPart });
    if (!verified.id.equals(request.id) || !verified.leaf.spki.equals(request.publicKeySpki)) throw mismatch();
    return verified.leaf;
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
