import { Fault, LIMITS } from '#kernel';

declare const brand: unique symbol;

/** A trust domain name that has been parsed: lower case, `[a-z0-9.-_]`, 1 to 255 bytes (SPIFFE-ID §2.1). */
export type TrustDomain = string & { readonly [brand]: 'TrustDomain' };

const NAME = /^[a-z0-9._-]+$/;

/** Parses a bare trust domain name. Throws `TRUST_DOMAIN_INVALID`. */
export function parseTrustDomain(name: string): TrustDomain {
  if (!isTrustDomain(name)) {
    throw new Fault('TRUST_DOMAIN_INVALID', 'a trust domain name has 1 to 255 characters of a-z 0-9 . - _');
  }
  return name;
}

export function isTrustDomain(name: string): name is TrustDomain {
  return name.length <= LIMITS.trustDomainBytes.value && NAME.test(name);
}

/** False for `.` and `..`: names of trust domains by the letter (SPIFFE-ID §2.1), and other directories to a file system. */
export function isFileName(name: string): boolean {
  return name !== '.' && name !== '..';
}
