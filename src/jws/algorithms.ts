import type { EcCurve, VerifyingKey } from './jwk.ts';

/** A signature algorithm of RFC 7518 §3 that SPIFFE allows (JWT-SVID §2.1): what key makes it, and how. */
export type Algorithm =
  | { readonly kind: 'ec'; readonly hash: string; readonly curve: EcCurve }
  | { readonly kind: 'rsa' | 'rsa-pss'; readonly hash: string };

const ALGORITHMS = new Map<string, Algorithm>([
  ['RS256', { kind: 'rsa', hash: 'sha256' }],
  ['RS384', { kind: 'rsa', hash: 'sha384' }],
  ['RS512', { kind: 'rsa', hash: 'sha512' }],
  ['ES256', { kind: 'ec', hash: 'sha256', curve: 'P-256' }],
  ['ES384', { kind: 'ec', hash: 'sha384', curve: 'P-384' }],
  ['ES512', { kind: 'ec', hash: 'sha512', curve: 'P-521' }],
  ['PS256', { kind: 'rsa-pss', hash: 'sha256' }],
  ['PS384', { kind: 'rsa-pss', hash: 'sha384' }],
  ['PS512', { kind: 'rsa-pss', hash: 'sha512' }],
]);

/** Names are compared exactly: `none`, `HS256`, `EdDSA` and `es256` are all unknown here. */
export function findAlgorithm(name: unknown): Algorithm | undefined {
  return typeof name === 'string' ? ALGORITHMS.get(name) : undefined;
}

/** RFC 7518 §3: the key is of the algorithm's own type and, for ECDSA, curve. */
export function fitsAlgorithm(algorithm: Algorithm, key: VerifyingKey): boolean {
  return algorithm.kind === 'ec' ? key.kty === 'EC' && key.crv === algorithm.curve : key.kty === 'RSA';
}
