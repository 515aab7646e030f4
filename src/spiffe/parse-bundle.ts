import { isKnownKeyType, publicJwk, readPublicJwk } from '#jws';
import { Fault, isFault, isJsonObject, type JsonObject, type JsonValue, LIMITS, readJson } from '#kernel';
import type { Certificate } from '#x509';
import type { SpiffeBundle } from './bundle.ts';
import { jwtBundle, type TokenAuthorities, witBundle } from './token-bundle.ts';
import type { TrustDomain } from './trust-domain.ts';
import { parseAuthority } from './x509-bundle.ts';

/** A bundle as it was read, and what of it was not used. */
export interface ParsedBundle extends SpiffeBundle {
  /** One sentence for each key that was passed over: nobody is trusted by it, and an operator may want to know. */
  readonly ignored: readonly string[];
}

/**
 * Reads a SPIFFE bundle (Trust Domain and Bundle §4): a JWKS with `keys`, which may be empty. Keys of unknown `kty` or `use`, certificates
 * missing from `x5c` and keys that cannot be read are passed over (B-6, B-7, X-20): nothing is trusted by them, and the rest stays usable.
 * Throws `BUNDLE_INVALID` for what is no bundle, for a member that occurs twice (B-10) and for a `kid` that two keys share (W-2).
 */
export function parseBundle(document: Uint8Array | string, trustDomain: TrustDomain): ParsedBundle {
  return readBundle(readDocument(document), trustDomain);
}

/** Reads the JSON of a bundle or bundle map. Throws `BUNDLE_INVALID`. */
export function readDocument(document: Uint8Array | string): JsonValue {
  if (document.length > LIMITS.bundleBytes.value) throw invalid('it is larger than the limit');
  try {
    return readJson(document, { bigIntegers: true });
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw invalid('it cannot be read in one way only', cause);
  }
}

/** Throws `BUNDLE_INVALID`. */
export function readBundle(value: JsonValue | undefined, trustDomain: TrustDomain): ParsedBundle {
  if (!isJsonObject(value)) throw invalid('it is no JSON object');
  const { keys } = value;
  if (!Array.isArray(keys)) throw invalid('it has no list of keys');
  if (keys.length > LIMITS.bundleKeys.value) throw invalid('it has too many keys');
  const sequence = readWholeNumber(value.spiffe_sequence, 'spiffe_sequence');
  const refreshHint = readWholeNumber(value.spiffe_refresh_hint, 'spiffe_refresh_hint');
  const { x509, jwt, wit, ignored } = sortKeys(keys);
  return {
    trustDomain,
    x509: { use: 'x509-svid', trustDomain, authorities: x509 },
    jwt: jwtBundle(trustDomain, jwt),
    wit: witBundle(trustDomain, wit),
    ...(sequence === undefined ? {} : { sequence }),
    ...(refreshHint === undefined ? {} : { refreshHintSeconds: Number(refreshHint) }),
    ignored,
  };
}

interface SortedKeys {
  readonly x509: Certificate[];
  readonly jwt: Map<string, TokenAuthorities extends ReadonlyMap<string, infer Key> ? Key : never>;
  readonly wit: SortedKeys['jwt'];
  readonly kids: Set<string>;
  readonly ignored: string[];
}

function sortKeys(keys: readonly JsonValue[]): SortedKeys {
  const sorted: SortedKeys = { x509: [], jwt: new Map(), wit: new Map(), kids: new Set(), ignored: [] };
  keys.forEach((jwk, index) => {
    const reason = takeKey(sorted, jwk);
    if (reason !== undefined) sorted.ignored.push(`key ${index}: ${reason}`);
  });
  return sorted;
}

/** Returns why the key was passed over, if it was. */
function takeKey(sorted: SortedKeys, jwk: JsonValue): string | undefined {
  if (!isJsonObject(jwk)) return 'no JSON object';
  if (!isKnownKeyType(jwk.kty)) return 'a kty that is not known here';
  switch (jwk.use) {
    case 'x509-svid':
      return unlessReadable(() => takeCertificate(sorted, jwk));
    case 'jwt-svid':
      return takeTokenKey(sorted, sorted.jwt, jwk);
    case 'wit-svid':
      return takeTokenKey(sorted, sorted.wit, jwk);
    default:
      return 'a use that is not known here';
  }
}

/** X509-SVID §6: the first value of `x5c` is the certificate; others are ignored, and so is a key without any. */
function takeCertificate(sorted: SortedKeys, jwk: JsonObject): string | undefined {
  const [text] = Array.isArray(jwk.x5c) ? jwk.x5c : [];
  if (text === undefined) return 'no x5c';
  const der = typeof text === 'string' ? decodeBase64(text) : undefined;
  if (der === undefined) return 'an x5c that is not base64';
  const authority = parseAuthority(der);
  // RFC 7517 §4.7: the other members are the key of the first certificate.
  const differs = Object.entries(publicJwk(authority.publicKey)).some(([name, value]) => jwk[name] !== value);
  if (differs) return 'a certificate of another key';
  sorted.x509.push(authority);
  return undefined;
}

function takeTokenKey(sorted: SortedKeys, into: SortedKeys['jwt'], jwk: JsonObject): string | undefined {
  const { kid } = jwk;
  if (typeof kid !== 'string' || kid === '') return 'no kid';
  if (sorted.kids.has(kid)) throw invalid('two of its keys have one kid');
  sorted.kids.add(kid);
  return unlessReadable(() => {
    into.set(kid, readPublicJwk(jwk));
    return undefined;
  });
}

function unlessReadable(take: () => string | undefined): string | undefined {
  try {
    return take();
  } catch (error) {
    if (!isFault(error)) throw error;
    return error.message;
  }
}

/** RFC 7517 §4.7: base64, not base64url. Only the one spelling of its bytes. */
function decodeBase64(text: string): Buffer | undefined {
  const der = Buffer.from(text, 'base64');
  return der.length > 0 && der.toString('base64') === text ? der : undefined;
}

const MAX_SEQUENCE = 2n ** 64n - 1n;

function readWholeNumber(value: JsonValue | undefined, name: string): bigint | undefined {
  if (value === undefined) return undefined;
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value) ? BigInt(String(value)) : undefined;
  if (whole === undefined || whole < 0n || whole > MAX_SEQUENCE)
    throw invalid(`${name} is no whole number of at most 64 bits`);
  return whole;
}

function invalid(rule: string, cause?: unknown): Fault {
  return new Fault('BUNDLE_INVALID', `not a SPIFFE bundle: ${rule}`, cause === undefined ? {} : { cause });
}
