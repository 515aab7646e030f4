import { type Clock, Fault, type Random } from '#kernel';
import { parseX509Bundle, verifyX509Svid, type X509Svid } from '#spiffe';
import type { BundleResource, EntryResource } from '#wire';
import { createCertificateRequest } from '#x509';
import { newKey, spkiOf } from './key.ts';
import { rotateAt } from './rotation.ts';

export interface WorkloadSvidsOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The newest bundle of the trust domain. */
  readonly bundle: () => BundleResource;
  /** Asks the server for a certificate chain. */
  readonly issue: (entryId: string, csr: Buffer) => Promise<readonly Buffer[]>;
}

/** An SVID of a workload and when its answer is out of date: at half its life, or soon when it could not be replaced. */
export interface HeldSvid {
  readonly svid: X509Svid;
  /** Certificates in DER, leaf first, one after the other. */
  readonly chainDer: Buffer;
  /** PKCS#8, DER. */
  readonly keyDer: Buffer;
  readonly renewAt: number;
}

interface Cached extends HeldSvid {
  readonly cause: string;
}

const RETRY_MILLIS = 1000;

/**
 * SVIDs of the workloads, one an entry, issued when first asked for. Replaced shortly before half their life, when the entry changes and
 * when the bundle does. While none can be issued the old one is given, as long as it is valid and still the entry's identity.
 */
export class WorkloadSvids {
  readonly #options: WorkloadSvidsOptions;
  readonly #cached = new Map<string, Cached>();
  readonly #issuing = new Map<string, Promise<HeldSvid>>();

  constructor(options: WorkloadSvidsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#cached.size;
  }

  async get(entry: EntryResource): Promise<HeldSvid> {
    const cause = `${JSON.stringify(entry)} ${this.#options.bundle().sequence}`;
    const cached = this.#cached.get(entry.id);
    if (cached?.cause === cause && this.#options.clock.now() < cached.renewAt) return cached;
    try {
      return await this.#issueOnce(entry, cause);
    } catch (error) {
      const now = this.#options.clock.now();
      const usable = cached !== undefined && `${cached.svid.id}` === entry.spiffeId && now < cached.svid.notAfter;
      if (!usable) throw error;
      return { ...cached, renewAt: Math.min(now + RETRY_MILLIS, cached.svid.notAfter) };
    }
  }

  /** Forgets the SVIDs and keys of entries that are gone. */
  keep(entries: readonly EntryResource[]): void {
    const live = new Set(entries.map(({ id }) => id));
    for (const id of this.#cached.keys()) if (!live.has(id)) this.#cached.delete(id);
  }

  /** Callers of one entry share one request; callers of a changed entry never get what was asked for before the change. */
  #issueOnce(entry: EntryResource, cause: string): Promise<HeldSvid> {
    const key = `${entry.id} ${cause}`;
    const running = this.#issuing.get(key);
    if (running !== undefined) return running;
    const issuing = this.#issue(entry, cause).finally(() => this.#issuing.delete(key));
    this.#issuing.set(key, issuing);
    return issuing;
  }

  async #issue(entry: EntryResource, cause: string): Promise<HeldSvid> {
    const { clock, random, issue, bundle } = this.#options;
    const privateKey = newKey();
    const chain = await issue(entry.id, createCertificateRequest(privateKey));
    const now = clock.now();
    const current = bundle();
    const bundles = new Map([[current.trustDomain, parseX509Bundle(current)]]);
    const { id, leaf, notAfter } = verifyX509Svid({ chain, bundles, at: now });
    if (`${id}` !== entry.spiffeId || !leaf.spki.equals(spkiOf(privateKey)))
      throw new Fault('IDENTITY_UNAVAILABLE', 'the server issued something else');
    const svid: X509Svid = { id, chain, privateKey, notBefore: leaf.notBefore, notAfter };
    const keyDer = privateKey.export({ type: 'pkcs8', format: 'der' });
    const renewAt = rotateAt(now, notAfter, random);
    const held = { svid, chainDer: Buffer.concat(chain), keyDer, cause, renewAt };
    this.#cached.set(entry.id, held);
    return held;
  }
}
