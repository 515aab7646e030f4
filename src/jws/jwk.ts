import { createPublicKey, type KeyObject } from 'node:crypto';
import { Fault } from '#kernel';
import { decodeBase64url } from './base64url.ts';

export type EcCurve = 'P-256' | 'P-384' | 'P-521';

/** A public key that may verify signatures, and of which kind it is. */
export type VerifyingKey =
  | { readonly kty: 'EC'; readonly crv: EcCurve; readonly key: KeyObject }
  | { readonly kty: 'RSA'; readonly key: KeyObject };

/** The public members of a JWK (RFC 7518 §6.2.1, §6.3.1) in the order in which they are written. */
export type PublicJwk =
  | { readonly kty: 'EC'; readonly crv: EcCurve; readonly x: string; readonly y: string }
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string };

/** Members of a JWK that nobody has looked at. */
type JwkMembers = Readonly<Record<string, unknown>>;

const COORDINATE_BYTES: Readonly<Record<EcCurve, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };
const CURVES: Readonly<Record<string, EcCurve>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const;

/** True when this kind of key is read here at all; other kinds are not wrong, only unknown. */
export function isKnownKeyType(kty: unknown): kty is 'EC' | 'RSA' {
  return kty === 'EC' || kty === 'RSA';
}

/**
 * Reads the public key of a JWK: EC on P-256, P-384 or P-521, RSA of 2048 to 8192 bits. Each number in its one spelling, the point on its
 * curve, and no private member: what holds one is no public key, and whoever published it has lost it. Throws `JWK_INVALID`.
 */
export function readPublicJwk(jwk: JwkMembers): VerifyingKey {
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) throw invalid('it holds a private key');
  if (jwk.kty === 'EC') return readEc(jwk);
  if (jwk.kty === 'RSA') return readRsa(jwk);
  throw invalid('its kty is neither EC nor RSA');
}

/** Public key of a KeyObject or SubjectPublicKeyInfo as JWK. Throws `JWK_INVALID` for kinds that `readPublicJwk` would refuse. */
export function publicJwk(key: KeyObject | Uint8Array): PublicJwk {
  const { kty, crv, x, y, n, e } = openKey(key).export({ format: 'jwk' });
  if (kty === 'EC' && isCurve(crv) && x !== undefined && y !== undefined) return { kty, crv, x, y };
  if (kty === 'RSA' && n !== undefined && e !== undefined) return { kty, n, e };
  throw invalid('a key of this kind has no accepted JWK form');
}

/** Kind of a key that is open already. Throws `JWK_INVALID`. */
export function verifyingKey(key: KeyObject): VerifyingKey {
  if (key.type !== 'public') throw invalid('it is no public key');
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') {
    const crv = CURVES[namedCurve ?? ''];
    if (crv !== undefined) return { kty: 'EC', crv, key };
  }
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048 && modulusLength <= 8192) return { kty: 'RSA', key };
  throw invalid('its kind or size is not accepted');
}

function readEc(jwk: JwkMembers): VerifyingKey {
  const { crv, x, y } = jwk;
  if (!isCurve(crv)) throw invalid('its curve is not accepted');
  const wanted = COORDINATE_BYTES[crv];
  for (const coordinate of [x, y]) {
    // RFC 7518 §6.2.1.2: as long as the field is, leading zeros included.
    if (bytesOf(coordinate).length !== wanted) throw invalid('a coordinate has another length than its curve');
  }
  return verifyingKey(open({ kty: 'EC', crv, x, y }));
}

function readRsa(jwk: JwkMembers): VerifyingKey {
  const { n, e } = jwk;
  const [modulus, exponent] = [bytesOf(n), bytesOf(e)];
  // RFC 7518 §2, Base64urlUInt: the fewest bytes that hold the number.
  if (modulus[0] === 0 || exponent[0] === 0) throw invalid('a number has leading zeros');
  const odd = ((modulus.at(-1) ?? 0) & 1) === 1 && ((exponent.at(-1) ?? 0) & 1) === 1;
  const tooSmall = exponent.length === 1 && (exponent[0] ?? 0) < 3;
  if (!odd || tooSmall || exponent.length > 4) throw invalid('its modulus or exponent is not of an RSA key');
  return verifyingKey(open({ kty: 'RSA', n, e }));
}

function bytesOf(value: unknown): Buffer {
  const bytes = typeof value === 'string' && value !== '' ? decodeBase64url(value) : undefined;
  if (bytes === undefined) throw invalid('a number is missing or malformed');
  return bytes;
}

function isCurve(crv: unknown): crv is EcCurve {
  return typeof crv === 'string' && Object.hasOwn(COORDINATE_BYTES, crv);
}

function open(key: Record<string, unknown>): KeyObject {
  try {
    return createPublicKey({ format: 'jwk', key });
  } catch (cause) {
    throw invalid('it is no point of its curve or cannot be read', cause);
  }
}

function openKey(key: KeyObject | Uint8Array): KeyObject {
  if (!(key instanceof Uint8Array)) return key.type === 'private' ? createPublicKey(key) : key;
  try {
    return createPublicKey({ key: Buffer.from(key), format: 'der', type: 'spki' });
  } catch (cause) {
    throw invalid('it cannot be read', cause);
  }
}

function invalid(rule: string, cause?: unknown): Fault {
  return new Fault('JWK_INVALID', `not an acceptable public key: ${rule}`, cause === undefined ? {} : { cause });
}
