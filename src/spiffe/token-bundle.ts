import type { VerifyingKey } from '#jws';
import type { TrustDomain } from './trust-domain.ts';

/** The keys of one trust domain that sign JWT-SVIDs, by `kid`. May be empty: then none of its JWT-SVIDs is valid (J-13). */
export interface JwtBundle {
  readonly use: 'jwt-svid';
  readonly trustDomain: TrustDomain;
  readonly authorities: TokenAuthorities;
}

/** The keys of one trust domain that sign WIT-SVIDs, by `kid`. */
export interface WitBundle {
  readonly use: 'wit-svid';
  readonly trustDomain: TrustDomain;
  readonly authorities: TokenAuthorities;
}

/** By `kid`, which is opaque and case-sensitive (W-2). */
export type TokenAuthorities = ReadonlyMap<string, VerifyingKey>;

/** Bundles by trust domain. Never merged; a token is verified against the bundle of its own subject's trust domain (J-12). */
export type JwtBundleSet = ReadonlyMap<string, JwtBundle>;
export type WitBundleSet = ReadonlyMap<string, WitBundle>;

export function jwtBundle(trustDomain: TrustDomain, authorities: TokenAuthorities): JwtBundle {
  return { use: 'jwt-svid', trustDomain, authorities };
}

export function witBundle(trustDomain: TrustDomain, authorities: TokenAuthorities): WitBundle {
  return { use: 'wit-svid', trustDomain, authorities };
}
