import { createPublicKey } from 'node:crypto';
import { type BundleKey, type BundleResource, readSequence, writeSequence } from '#wire';
import { Bundle, type BundleMask, type JWTKey, type X509Certificate } from '#wire/gen/spire/api/types';
import { type Certificate, keyId, parseCertificate } from '#x509';
import { invalid, parseTrustDomainName } from './ids.ts';
import { masked, names } from './mask.ts';

const EMPTY = Bundle.decode(new Uint8Array());

export function encodeBundle(bundle: BundleResource, mask?: BundleMask): Bundle {
  const message: Bundle = {
    trustDomain: bundle.trustDomain,
    x509Authorities: bundle.x509Authorities.map((text) => encodeAuthority(text, bundle.taintedX509Authorities ?? [])),
    jwtAuthorities: (bundle.jwtAuthorities ?? []).map(encodeKey),
    witAuthorities: (bundle.witAuthorities ?? []).map(encodeKey),
    refreshHint: BigInt(bundle.refreshHintSeconds),
    sequenceNumber: readSequence(bundle.sequence),
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
  const x509 = has('x509Authorities') ? message.x509Authorities.map(parseAuthority) : undefined;
  const taintedX509Authorities = x509?.filter(({ tainted }) => tainted).map(({ id }) => id);
  return {
    ...base,
    trustDomain: parseTrustDomainName(message.trustDomain, 'trust domain'),
    x509Authorities: x509?.map(({ text }) => text) ?? base?.x509Authorities ?? [],
    ...(taintedX509Authorities === undefined ? {} : { taintedX509Authorities }),
    ...(has('jwtAuthorities') ? { jwtAuthorities: message.jwtAuthorities.map(parseKey) } : {}),
    ...(has('witAuthorities') ? { witAuthorities: message.witAuthorities.map(parseKey) } : {}),
    sequence: has('sequenceNumber') ? writeSequence(message.sequenceNumber) : (base?.sequence ?? 0),
    refreshHintSeconds: has('refreshHint') ? number(message.refreshHint) : (base?.refreshHintSeconds ?? 0),
  };
}

interface ParsedAuthority {
  /** Standard base64 of DER. */
  readonly text: string;
  /** Hexadecimal subject key id. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  readonly tainted: boolean;
}

/** One CA certificate. Throws `ARGUMENT_INVALID`. */
export function parseAuthority({ asn1, tainted }: X509Certificate): ParsedAuthority {
  const certificate = parse(asn1);
  if (!certificate.isCa) throw invalid('X.509 authority', 'it is no CA certificate');
  const { der, notAfter } = certificate;
  return { text: der.toString('base64'), id: authorityId(certificate), notAfter, tainted };
}

/** A public key with its id. Throws `ARGUMENT_INVALID`. */
export function parseKey({ publicKey, keyId: kid, expiresAt, tainted }: JWTKey): BundleKey {
  if (kid === '') throw invalid('authority', 'its key ID is missing');
  try {
    createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  } catch (cause) {
    throw invalid('authority', 'its public key cannot be read', cause);
  }
  const notAfter = number(expiresAt);
  return {
    kid,
    publicKey: Buffer.from(publicKey).toString('base64'),
    ...(notAfter === 0 ? {} : { notAfter }),
    ...(tainted ? { tainted } : {}),
  };
}

export function encodeKey({ kid, publicKey, notAfter = 0, tainted = false }: BundleKey): JWTKey {
  return { publicKey: Buffer.from(publicKey, 'base64'), keyId: kid, expiresAt: BigInt(notAfter), tainted };
}

function encodeAuthority(text: string, tainted: readonly string[]): X509Certificate {
  const asn1 = Buffer.from(text, 'base64');
  return { asn1, tainted: tainted.length > 0 && tainted.includes(authorityId(parse(asn1))) };
}

function parse(der: Uint8Array): Certificate {
  try {
    return parseCertificate(der);
  } catch (cause) {
    throw invalid('X.509 authority', 'it is no certificate', cause);
  }
}

function authorityId(certificate: Certificate): string {
  return (certificate.subjectKeyId ?? keyId(certificate.spki)).toString('hex');
}

function number(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('bundle', 'a number of it is out of range');
  return Number(value);
}
