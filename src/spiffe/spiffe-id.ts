import { Fault, LIMITS } from '#kernel';
import { isTrustDomain, type TrustDomain } from './trust-domain.ts';

/**
 * A SPIFFE ID that has been parsed (SPIFFE-ID §2). Compare by `toString()`; paths are case-sensitive.
 * `path` is empty for the id of the trust domain itself, else starts with `/`.
 */
export class SpiffeId {
  readonly trustDomain: TrustDomain;
  readonly path: string;
  readonly #text: string;

  private constructor(trustDomain: TrustDomain, path: string) {
    this.trustDomain = trustDomain;
    this.path = path;
    this.#text = `spiffe://${trustDomain}${path}`;
  }

  /** Throws `SPIFFE_ID_INVALID`, naming the rule that was broken. The scheme must be spelled in lower case. */
  static parse(text: string): SpiffeId {
    if (text.length > LIMITS.spiffeIdBytes.value) throw invalid('longer than 2048 bytes');
    if (!text.startsWith('spiffe://')) throw invalid('does not start with spiffe://');
    const rest = text.slice('spiffe://'.length);
    const slash = rest.indexOf('/');
    const name = slash < 0 ? rest : rest.slice(0, slash);
    if (!isTrustDomain(name)) throw invalid('the trust domain is empty or has characters other than a-z 0-9 . - _');
    const path = slash < 0 ? '' : rest.slice(slash);
    assertPath(path);
    return new SpiffeId(name, path);
  }

  /** Builds an id from a trust domain and a path that is empty or starts with `/`. */
  static of(trustDomain: TrustDomain, path: string): SpiffeId {
    return SpiffeId.parse(`spiffe://${trustDomain}${path}`);
  }

  equals(other: SpiffeId): boolean {
    return this.#text === other.#text;
  }

  /** True when this id's path lies under `prefix`, which ends with `/`; whole segments only. */
  isUnder(prefix: string): boolean {
    return this.path.startsWith(prefix);
  }

  toString(): string {
    return this.#text;
  }

  toJSON(): string {
    return this.#text;
  }
}

export function isSpiffeId(text: string): boolean {
  try {
    SpiffeId.parse(text);
    return true;
  } catch {
    return false;
  }
}

const SEGMENT = /^[A-Za-z0-9._-]+$/;

function assertPath(path: string): void {
  if (path === '') return;
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') throw invalid('the path has an empty segment or a trailing slash');
    if (segment === '.' || segment === '..') throw invalid('the path has a relative segment');
    if (!SEGMENT.test(segment)) throw invalid('a path segment has characters other than a-z A-Z 0-9 . - _');
  }
}

function invalid(rule: string): Fault {
  return new Fault('SPIFFE_ID_INVALID', `not a SPIFFE ID: ${rule}`);
}
