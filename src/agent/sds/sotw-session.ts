import { Fault, type Log, type Random, randomHex } from '#kernel';
import type { DiscoveryRequest, DiscoveryResponse } from '#wire/gen/envoy/service/discovery/v3/discovery';
import { type EncodedSecret, SECRET_TYPE } from './secret.ts';
import type { Secrets } from './secrets.ts';

/** One state-of-the-world subscription: what was asked for last, and what was answered last. */
export class SotwSession {
  readonly #random: Random;
  readonly #log: Log;
  #names: readonly string[] | undefined;
  #answered = '';
  #version = 0;
  #nonce = '';

  constructor(random: Random, log: Log) {
    this.#random = random;
    this.#log = log;
  }

  /** True when this request calls for an answer: the first, and one that changes the names. An acknowledgement does not. */
  request(request: DiscoveryRequest): boolean {
    assertSecretType(request.typeUrl);
    // What was said before the client had seen the last answer says nothing about it.
    if (this.#nonce !== '' && request.responseNonce !== this.#nonce) return false;
    if (request.errorDetail !== undefined)
      this.#log.warn('secrets rejected by their client', { message: request.errorDetail.message.slice(0, 1000) });
    const names = wanted(request);
    const changed = this.#names === undefined || names.join('\n') !== this.#names.join('\n');
    this.#names = names;
    if (changed) this.#answered = '';
    return changed;
  }

  /** The next answer, or undefined when nothing has changed, also when the last one was rejected, or nothing was asked for. */
  answer(secrets: Secrets): DiscoveryResponse | undefined {
    if (this.#names === undefined) return undefined;
    const found = resolve(secrets, this.#names);
    const content = found.map(({ name, version }) => `${name} ${version}`).join('\n');
    if (content === this.#answered) return undefined;
    this.#answered = content;
    this.#version++;
    this.#nonce = randomHex(this.#random, 8);
    return response(found, `${this.#version}`, this.#nonce);
  }
}

/** `FetchSecrets`: one answer. Throws `ARGUMENT_INVALID`. */
export function fetchSecrets(request: DiscoveryRequest, secrets: Secrets): DiscoveryResponse {
  assertSecretType(request.typeUrl);
  return response(resolve(secrets, wanted(request)), '', '');
}

/** Throws `ARGUMENT_INVALID`. An empty type is taken for the only one that is served here. */
export function assertSecretType(typeUrl: string): void {
  if (typeUrl !== '' && typeUrl !== SECRET_TYPE)
    throw new Fault('ARGUMENT_INVALID', 'only secrets can be discovered here');
}

function wanted({ resourceNames }: DiscoveryRequest): readonly string[] {
  return [...new Set(resourceNames.filter((name) => name !== ''))].sort();
}

/** Every name is answered, or none: a caller that asks for another's secret learns that it may not have it. */
function resolve(secrets: Secrets, names: readonly string[]): readonly EncodedSecret[] {
  if (names.length === 0) return secrets.all();
  const found = names.map((name) => secrets.find(name));
  const denied = names.filter((_, at) => found[at] === undefined);
  if (denied.length > 0)
    throw new Fault('ARGUMENT_INVALID', 'workload is not authorized for the requested identities', {
      details: { names: denied.slice(0, 10) },
    });
  return found.flatMap((secret) => secret ?? []);
}

function response(secrets: readonly EncodedSecret[], versionInfo: string, nonce: string): DiscoveryResponse {
  const resources = secrets.map(({ value }) => ({ typeUrl: SECRET_TYPE, value: Buffer.from(value) }));
  return { versionInfo, resources, typeUrl: SECRET_TYPE, nonce };
}
