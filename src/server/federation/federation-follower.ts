import { type Clock, type Closeable, Fault, faultCode, type Log, type Scheduled, unixSeconds, within } from '#kernel';
import { takeFetchedBundle } from '#registry';
import { parseTrustDomain, parseX509Bundle, SpiffeId, verifyX509Svid } from '#spiffe';
import type { BundleResource, FederationResource } from '#wire';
import type { State } from '../state.ts';
import { bundleResource } from './bundle-document.ts';
import { type EndpointProof, fetchBundle } from './fetch-bundle.ts';

export interface FederationFollowerOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  /** PEM of roots for `https_web`, in place of the system's. */
  readonly webRoots?: string;
}

/** How the last attempts went, since this server started. */
export interface FederationOutcome {
  /** Unix seconds. */
  readonly refreshedAt?: number;
  /** Of the last attempt, when it failed. */
  readonly code?: string;
}

interface Followed {
  readonly asked: string;
  timer?: Scheduled;
}

const MINUTE_MILLIS = 60_000;
const WITHOUT_HINT_MILLIS = 5 * MINUTE_MILLIS;

/**
 * Keeps the bundles of federation relationships fresh: asks at a quarter of the refresh hint and no more than once a minute; every five
 * minutes without a hint, every minute without a bundle. What fails keeps what is known and is tried again (F-15).
 */
export class FederationFollower implements Closeable {
  readonly #options: FederationFollowerOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #outcomes = new Map<string, FederationOutcome>();
  readonly #stop = new AbortController();
  readonly #unsubscribe: () => void;

  constructor(options: FederationFollowerOptions) {
    this.#options = options;
    this.#unsubscribe = options.state.registry.onCommit(({ changes }) => {
      if (changes.some(({ kind }) => kind === 'Federation' || kind === 'TrustDomain')) this.follow();
    });
    this.follow();
  }

  /** Begins with relationships that are new, ends with those that are gone. */
  follow(): void {
    const { registry } = this.#options.state;
    const present = new Map<string, () => void>();
    for (const { name } of registry.trustDomains()) {
      for (const { key: other, body } of registry.list<FederationResource>('Federation', name)) {
        const key = `${name} ${other}`;
        const asked = JSON.stringify([body.bundleEndpointUrl, body.bundleEndpointProfile]);
        if (this.#followed.get(key)?.asked !== asked) this.#forget(key);
        present.set(key, () => this.#begin(key, asked, name, other));
      }
    }
    for (const key of [...this.#followed.keys()]) if (!present.has(key)) this.#forget(key);
    for (const [key, begin] of present) if (!this.#followed.has(key)) begin();
  }

  /** Fetches now. Throws `NOT_FOUND`, `FEDERATION_BUNDLE_STALE` and what `fetchBundle` throws. */
  async refresh(trustDomain: string, other: string): Promise<BundleResource> {
    const key = `${trustDomain} ${other}`;
    try {
      const bundle = await this.#fetch(trustDomain, other);
      this.#outcomes.set(key, { refreshedAt: unixSeconds(this.#options.clock) });
      return bundle;
    } catch (error) {
      this.#outcomes.set(key, { ...this.#outcomes.get(key), code: faultCode(error) ?? 'INTERNAL_ERROR' });
      throw error;
    }
  }

  outcome(trustDomain: string, other: string): FederationOutcome | undefined {
    return this.#outcomes.get(`${trustDomain} ${other}`);
  }

  async #fetch(trustDomain: string, other: string): Promise<BundleResource> {
    const { state } = this.#options;
    const federation = state.registry.find<FederationResource>('Federation', trustDomain, other);
    if (federation === undefined) throw new Fault('NOT_FOUND', 'no relationship with this trust domain');
    const question = {
      url: federation.bundleEndpointUrl,
      trustDomain: parseTrustDomain(other),
      proof: this.#proof(trustDomain, federation),
    };
    const parsed = await fetchBundle(question, this.#stop.signal);
    const fetched = bundleResource(parsed, this.#known(trustDomain, other));
    await state.commit(trustDomain, (draft) => takeFetchedBundle(draft, trustDomain, fetched), 'federation');
    return fetched;
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#stop.abort();
    for (const key of [...this.#followed.keys()]) this.#forget(key);
  }

  #begin(key: string, asked: string, trustDomain: string, other: string): void {
    const followed: Followed = { asked };
    this.#followed.set(key, followed);
    const turn = async (): Promise<void> => {
      try {
        await this.refresh(trustDomain, other);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#options.log.warn('bundle not refreshed', { trustDomain, other, code: faultCode(error), error });
      }
      if (this.#followed.get(key) === followed)
        followed.timer = within(this.#options.clock, this.#pauseMillis(trustDomain, other), run);
    };
    const run = (): void => void turn();
    run();
  }

  #forget(key: string): void {
    this.#followed.get(key)?.timer?.cancel();
    this.#outcomes.delete(key);
    this.#followed.delete(key);
  }

  #pauseMillis(trustDomain: string, other: string): number {
    const known = this.#known(trustDomain, other);
    const hint = (known?.refreshHintSeconds ?? 0) * 1000;
    const byHint = hint === 0 ? WITHOUT_HINT_MILLIS : Math.max(MINUTE_MILLIS, hint / 4);
    return known === undefined ? MINUTE_MILLIS : byHint;
  }

  #known(trustDomain: string, other: string): BundleResource | undefined {
    return this.#options.state.registry.find<BundleResource>('Bundle', trustDomain, other);
  }

  /**
   * `https_spiffe` (Federation §5.2.2): exactly the id of the relationship, verified against the newest bundle that is known of its trust
   * domain, which an operator gives for the first time; never against what the connection brings along.
   */
  #proof(trustDomain: string, { bundleEndpointProfile: profile }: FederationResource): EndpointProof {
    const { webRoots, clock } = this.#options;
    if (profile.type === 'https_web')
      return { type: 'https_web', ...(webRoots === undefined ? {} : { roots: webRoots }) };
    const expected = SpiffeId.parse(profile.endpointSpiffeId);
    const known = this.#known(trustDomain, expected.trustDomain);
    if (known === undefined)
      throw new Fault('FEDERATION_ENDPOINT_UNTRUSTED', 'no bundle of the trust domain of the endpoint is known yet');
    const bundles = new Map([[expected.trustDomain, parseX509Bundle(known)]]);
    return {
      type: 'https_spiffe',
      verify: (chain) => {
        const { id } = verifyX509Svid({ chain, bundles, at: clock.now(), purpose: 'server' });
        if (!id.equals(expected)) throw new Fault('PEER_ID_UNEXPECTED', 'the endpoint is another SPIFFE ID');
      },
    };
  }
}
