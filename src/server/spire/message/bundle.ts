import { createPublicKey } from 'node:crypto';
import { isFault } from '#kernel';
import type { BundleResource } from '#wire';
import { Bundle, type BundleMask } from '#wire/gen/spire/api/types';
import { parseCertificate } from '#x509';
import { invalid, parseTrustDomainName } from './ids.ts';
import { masked, names } from './mask.ts';

const EMPTY = Bundle.decode(new Uint8Array());

export function encodeBundle(bundle: BundleResource, mask?: BundleMask): Bundle {
  const message: Bundle = {
    trustDomain: bundle.trustDomain,
    x509Authorities: bundle.x509Authorities.map((text) => ({ asn1: Buffer.from(text, 'base64'), tainted: false })),
    jwtAuthorities: [],
    witAuthorities: [],
    refreshHint: BigInt(bundle.refreshHintSeconds),
    sequenceNumber: BigInt(bundle.sequence),
  };
  return masked(message, mask, EMPTY);
}

/** The fields that the mask names, and `base`'s elsewhere. Throws `ARGUMENT_INVALID`. */
export function decodeBundle(
  message: Bundle | undefined,
  options: { readonly base?: BundleResource; readonly mask?: BundleMask } = {},
): BundleResource {
  if (message === undefined) throw invalid('bundle', 'it is missing');
  const { base, mask } = options;
  const has = (field: keyof BundleMask): boolean => base === undefined || names(mask, field);
  return {
    ...base,
    trustDomain: parseTrustDomainName(message.trustDomain, 'trust domain'),
    x509Authorities: has('x509Authorities')
      ? message.x509Authorities.map(({ asn1 }) => parseAuthority(asn1))
      : (base?.x509Authorities ?? []),
    sequence: has('sequenceNumber') ? number(message.sequenceNumber) : (base?.sequence ?? 0),
    refreshHintSeconds: has('refreshHint') ? number(message.refreshHint) : (base?.refreshHintSeconds ?? 0),
  };
}

/** Standard base64 of the one CA certificate. */
export function parseAuthority(asn1: Uint8Array): string {
  try {
    if (!parseCertificate(asn1).isCa) throw invalid('X.509 authority', 'it is no CA certificate');
  } catch (cause) {
    if (isFault(cause) && cause.code === 'ARGUMENT_INVALID') throw cause;
    throw invalid('X.509 authority', 'it is no certificate', cause);
  }
  return Buffer.from(asn1).toString('base64');
}

/** SubjectPublicKeyInfo, DER. Throws `ARGUMENT_INVALID`. */
export function parsePublicKey(der: Uint8Array, what: string): string {
  try {
    createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
  } catch (cause) {
    throw invalid(what, 'its public key cannot be read', cause);
  }
  return Buffer.from(der).toString('base64');
}

function number(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('bundle', 'a number of it is out of range');
  return Number(value);
}
