import type { SignatureScheme } from '#x509';

/** Types of key that an authority may sign with; the names are SPIRE's. */
export const KEY_TYPES = ['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-4096'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/** How a key of a type signs. A type has one way only, so that no caller can ask for a weaker one. */
export interface KeyUse {
  readonly hash: 'sha256' | 'sha384';
  /** In certificates. */
  readonly certificate: SignatureScheme;
  /** In JWS (RFC 7518 §3.1). */
  readonly jws: 'ES256' | 'ES384' | 'RS256';
  /** Bytes of each of r and s in JWS; undefined for RSA. */
  readonly scalarBytes?: number;
}

const RSA: KeyUse = { hash: 'sha256', certificate: 'rsa-sha256', jws: 'RS256' };

export const KEY_USE: Readonly<Record<KeyType, KeyUse>> = {
  'ec-p256': { hash: 'sha256', certificate: 'ecdsa-sha256', jws: 'ES256', scalarBytes: 32 },
  'ec-p384': { hash: 'sha384', certificate: 'ecdsa-sha384', jws: 'ES384', scalarBytes: 48 },
  'rsa-2048': RSA,
  'rsa-4096': RSA,
};
