import { createPublicKey } from 'node:crypto';
import { type VerifyingKey, verifyingKey } from '#jws';
import { Fault } from '#kernel';
import { type JwtBundle, jwtBundle, type WitBundle, witBundle } from './token-bundle.ts';
import { parseTrustDomain } from './trust-domain.ts';

/** A key as an authority publishes it in a Bundle resource. */
export interface PublishedKey {
  readonly kid: string;
  /** Standard base64 of SubjectPublicKeyInfo. */
  readonly publicKey: string;
}

/** Reads the keys of a Bundle resource that sign JWT-SVIDs. Throws `BUNDLE_INVALID` or `TRUST_DOMAIN_INVALID`. */
export function parseJwtBundle(source: {
  readonly trustDomain: string;
  readonly jwtAuthorities?: readonly PublishedKey[];
}): JwtBundle {
  return jwtBundle(parseTrustDomain(source.trustDomain), openKeys(source.jwtAuthorities));
}

/** Reads the keys of a Bundle resource that sign WIT-SVIDs. Throws as `parseJwtBundle`. */
export function parseWitBundle(source: {
  readonly trustDomain: string;
  readonly witAuthorities?: readonly PublishedKey[];
}): WitBundle {
  return witBundle(parseTrustDomain(source.trustDomain), openKeys(source.witAuthorities));
}

function openKeys(keys: readonly PublishedKey[] = []): ReadonlyMap<string, VerifyingKey> {
  return new Map(keys.map(({ kid, publicKey }) => [kid, openKey(publicKey)]));
}

function openKey(spki: string): VerifyingKey {
  try {
    return verifyingKey(createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' }));
  } catch (cause) {
    throw new Fault('BUNDLE_INVALID', 'a key of the bundle cannot be read', { cause });
  }
}
