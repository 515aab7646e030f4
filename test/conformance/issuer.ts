import { publicJwk } from '#jws';
import { jwtBundle, parseTrustDomain, witBundle } from '#spiffe';
import { forgeToken, newTokenKey, type TokenKey } from '../forge/token.ts';

export const NOW = Date.UTC(2026, 5, 1, 12);
export const SECONDS = NOW / 1000;
export const BANK_A = parseTrustDomain('bank-a');
export const BANK_B = parseTrustDomain('bank-b');
export const SUBJECT = 'spiffe://bank-a/account-service';

/** Keys of two trust domains that trust each other's bundles, and a key that nobody knows. */
export const jwtKey = newTokenKey();
export const otherJwtKey = newTokenKey();
export const witKey = newTokenKey();
export const otherWitKey = newTokenKey();
export const stranger = newTokenKey();

export const jwtBundles = new Map([
  ['bank-a', jwtBundle(BANK_A, new Map([['jwt-1', jwtKey.verifying]]))],
  ['bank-b', jwtBundle(BANK_B, new Map([['jwt-2', otherJwtKey.verifying]]))],
]);
export const witBundles = new Map([
  ['bank-a', witBundle(BANK_A, new Map([['wit-1', witKey.verifying]]))],
  ['bank-b', witBundle(BANK_B, new Map([['wit-2', otherWitKey.verifying]]))],
]);

type Members = Readonly<Record<string, unknown>>;

export const JWT_HEADER: Members = { alg: 'ES256', kid: 'jwt-1', typ: 'JWT' };
export const JWT_CLAIMS: Members = { sub: SUBJECT, aud: ['ledger'], exp: SECONDS + 300, iat: SECONDS };

/** A sound JWT-SVID of bank-a, but for what is changed; `undefined` takes a member away. */
export function jwt(claims: Members = {}, header: Members = {}, key: TokenKey = jwtKey): string {
  return forgeToken(key, { ...JWT_HEADER, ...header }, { ...JWT_CLAIMS, ...claims });
}

/** The key of the holder of a WIT-SVID. */
export const holder = newTokenKey();
export const confirmation = { ...publicJwk(holder.privateKey), alg: 'ES256' };
export const WIT_HEADER: Members = { alg: 'ES256', kid: 'wit-1', typ: 'wit+jwt' };
export const WIT_CLAIMS: Members = { sub: SUBJECT, exp: SECONDS + 3600, iat: SECONDS, cnf: { jwk: confirmation } };

export function wit(claims: Members = {}, header: Members = {}, key: TokenKey = witKey): string {
  return forgeToken(key, { ...WIT_HEADER, ...header }, { ...WIT_CLAIMS, ...claims });
}
