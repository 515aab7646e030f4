import { type Clock, Fault, LIMITS, type Random } from '#kernel';
import { isTainted, parseX509Bundle, verifyX509Svid, type X509Svid } from '#spiffe';
import type { BundleResource, EntryResource } from '#wire';
import { createCertificateRequest } from '#x509';
import { type Issued, IssuedCache } from './issued-cache.ts';
import { newKey, spkiOf } from './key.ts';
import { rotateAt } from './rotation.ts';

export interface WorkloadSvidsOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The newest bundle of the trust domain; another object when it has changed. */
  readonly bundle: () => BundleResource;
  /** Asks the server for a certificate chain. */
  readonly issue: (entryId: string, csr: Buffer) => Promise<readonly Buffer[]>;
}

/** An SVID of a workload and when its answer is out of date: at half its life, or soon when it could not be replaced. */
export interface HeldSvid extends Issued {
  readonly svid: X509Svid;
  /** Certificates in DER, leaf first, one after the other. */
  readonly chainDer: Buffer;
  /** PKCS#8, DER. */
  readonly keyDer: Buffer;
}

/** X509-SVIDs of the workloads, one an entry, issued when first asked for, replaced when one of their authorities is tainted or gone. */
export class WorkloadSvids {
  readonly #options: WorkloadSvidsOptions;
  readonly #cache: IssuedCache<HeldSvid>;
  /** The bundle that an SVID was last found good against. */
  readonly #goodFor = new WeakMap<X509Svid, BundleResource>();

  constructor(options: WorkloadSvidsOptions) {
    this.#options = options;
    this.#cache = new IssuedCache({ clock: options.clock, limit: LIMITS.agentX509Svids.value });
  }

  get size(): number {
    return this.#cache.size;
  }

  get(entry: EntryResource): HeldSvid | Promise<HeldSvid> {
    const judge = (held: HeldSvid) => this.#judge(held);
    return this.#cache.get({ entry, variant: '', issue: () => this.#issue(entry), judge });
  }

  /** Forgets the SVIDs and keys of entries that are gone. */
  keep(isLive: (entryId: string) => boolean): void {
    this.#cache.keep(isLive);
  }

  #judge({ svid }: HeldSvid): 'good' | 'replace' | 'void' {
    const bundle = this.#options.bundle();
    if (this.#goodFor.get(svid) === bundle) return 'good';
    if (isTainted(svid.chain, bundle.taintedX509Authorities)) return 'replace';
    try {
      verifyAgainst(bundle, svid.chain, this.#options.clock.now());
    } catch {
      return 'void';
    }
    this.#goodFor.set(svid, bundle);
    return 'good';
  }

  async #issue(entry: EntryResource): Promise<HeldSvid> {
    const { clock, random, issue, bundle } = this.#options;
    const privateKey = newKey();
    const chain = await issue(entry.id, createCertificateRequest(privateKey));
    const now = clock.now();
    const current = bundle();
    const { id, leaf, notAfter } = verifyAgainst(current, chain, now);
    if (`${id}` !== entry.spiffeId || !leaf.spki.equals(spkiOf(privateKey)))
      throw new Fault('IDENTITY_UNAVAILABLE', 'the server issued something else');
    const svid: X509Svid = { id, chain, privateKey, notBefore: leaf.notBefore, notAfter };
    const keyDer = privateKey.export({ type: 'pkcs8', format: 'der' });
    const renewAt = rotateAt(now, notAfter, random);
    const { notBefore } = leaf;
    return { spiffeId: entry.spiffeId, svid, chainDer: Buffer.concat(chain), keyDer, renewAt, notBefore, notAfter };
  }
}

function verifyAgainst(bundle: BundleResource, chain: readonly Buffer[], at: number) {
  const bundles = new Map([[bundle.trustDomain, parseX509Bundle(bundle)]]);
  return verifyX509Svid({ chain, bundles, at });
}
