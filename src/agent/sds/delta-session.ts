import { Fault, LIMITS, type Log, type Random, randomHex } from '#kernel';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '#wire/gen/envoy/service/discovery/v3/discovery';
import { type EncodedSecret, SECRET_TYPE } from './secret.ts';
import type { Secrets } from './secrets.ts';
import { assertSecretType } from './sotw-session.ts';

const WILDCARD = '*';
const GONE = '';

/** One incremental subscription: which names are followed, and which version of each the client was sent. */
export class DeltaSession {
  readonly #random: Random;
  readonly #log: Log;
  readonly #names = new Set<string>();
  /** Version by name; `GONE` for one that the client was told does not exist. */
  readonly #sent = new Map<string, string>();
  #everything = false;
  #begun = false;
  #version = 0;

  constructor(random: Random, log: Log) {
    this.#random = random;
    this.#log = log;
  }

  /** True when this request calls for an answer: it follows new names. Throws `ARGUMENT_INVALID`, `LIMIT_EXCEEDED`. */
  request(request: DeltaDiscoveryRequest): boolean {
    assertSecretType(request.typeUrl);
    if (request.errorDetail !== undefined)
      this.#log.warn('secrets rejected by their client', { message: request.errorDetail.message.slice(0, 1000) });
    const subscribed = request.resourceNamesSubscribe.filter((name) => name !== '');
    if (!this.#begun) this.#begin(request, subscribed);
    for (const name of request.resourceNamesUnsubscribe) this.#unsubscribe(name);
    for (const name of subscribed) this.#subscribe(name, request.initialResourceVersions);
    if (this.#names.size > LIMITS.secretNames.value)
      throw new Fault('LIMIT_EXCEEDED', 'too many secrets are followed by one stream');
    const first = !this.#begun;
    this.#begun = true;
    return first || subscribed.length > 0;
  }

  /** What the client does not have yet; undefined when it has everything. A rejected secret is not sent again until it changes. */
  answer(secrets: Secrets): DeltaDiscoveryResponse | undefined {
    if (!this.#begun) return undefined;
    const present = this.#followed(secrets);
    const fresh = [...present.values()].filter(({ name, version }) => this.#sent.get(name) !== version);
    const tracked = this.#everything ? new Set([...this.#names, ...this.#sent.keys()]) : this.#names;
    const gone = [...tracked].filter((name) => !present.has(name) && this.#sent.get(name) !== GONE);
    if (fresh.length === 0 && gone.length === 0) return undefined;
    for (const { name, version } of fresh) this.#sent.set(name, version);
    for (const name of gone) {
      if (this.#names.has(name)) this.#sent.set(name, GONE);
      else this.#sent.delete(name);
    }
    this.#version++;
    return {
      systemVersionInfo: `${this.#version}`,
      resources: fresh.map(({ name, version, value }) => ({
        name,
        version,
        resource: { typeUrl: SECRET_TYPE, value: Buffer.from(value) },
      })),
      typeUrl: SECRET_TYPE,
      nonce: randomHex(this.#random, 8),
      removedResources: gone,
    };
  }

  /** A first request without names, or one with `*`, follows everything (xDS, "wildcard"). */
  #begin(request: DeltaDiscoveryRequest, subscribed: readonly string[]): void {
    if (subscribed.length === 0) this.#everything = true;
    if (this.#everything || subscribed.includes(WILDCARD))
      for (const [name, version] of Object.entries(request.initialResourceVersions).slice(0, LIMITS.secretNames.value))
        this.#sent.set(name, version);
  }

  #subscribe(name: string, held: Readonly<Record<string, string>>): void {
    if (name === WILDCARD) {
      this.#everything = true;
      return;
    }
    this.#names.add(name);
    // A name that is asked for is sent, unless a new stream says which version its client has.
    const version = this.#begun ? undefined : held[name];
    if (version === undefined) this.#sent.delete(name);
    else this.#sent.set(name, version);
  }

  #unsubscribe(name: string): void {
    if (name === WILDCARD) this.#everything = false;
    this.#names.delete(name);
    if (!this.#everything) this.#sent.delete(name);
  }

  #followed(secrets: Secrets): ReadonlyMap<string, EncodedSecret> {
    const named = [...this.#names].flatMap((name) => secrets.find(name) ?? []);
    const all = this.#everything ? secrets.all() : [];
    return new Map([...all, ...named].map((secret) => [secret.name, secret]));
  }
}
