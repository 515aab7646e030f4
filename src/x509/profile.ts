import { hash } from 'node:crypto';
import { contextTag, DerReader, TAG } from './der-reader.ts';
import { bits, boolean, der, integer, octets, oid, sequence, setOf, time } from './der-writer.ts';
import { OID } from './oids.ts';

/** What a certificate will say. Times in milliseconds; encoded in whole seconds. */
export interface CertificateProfile {
  readonly kind: 'ca' | 'leaf';
  readonly serial: Uint8Array;
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly spki: Buffer;
  readonly issuerKeyId: Buffer;
  readonly uri: string;
  readonly dnsNames?: readonly string[];
  /** How the issuer will sign; `ecdsa-sha256` where nothing is said. */
  readonly scheme?: SignatureScheme;
}

export type SignatureScheme = 'ecdsa-sha256' | 'ecdsa-sha384' | 'rsa-sha256';

/** AlgorithmIdentifier, DER. */
export function algorithmIdentifier(scheme: SignatureScheme): Buffer {
  return ALGORITHMS[scheme];
}

const NULL = Buffer.from([0x05, 0x00]);
// RFC 5758 §3.2: no parameters with ECDSA; RFC 4055 §5: NULL with RSA.
const ALGORITHMS: Readonly<Record<SignatureScheme, Buffer>> = {
  'ecdsa-sha256': sequence(oid(OID.ecdsaWithSha256)),
  'ecdsa-sha384': sequence(oid(OID.ecdsaWithSha384)),
  'rsa-sha256': sequence(oid(OID.rsaWithSha256), NULL),
};
const VERSION_3 = der(contextTag(0, true), integer(Buffer.from([2])));
const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));

// Everything that does not change from certificate to certificate is encoded once.
const LEAF_FIXED = Buffer.concat([
  // digitalSignature, keyEncipherment, keyAgreement (X509-SVID §4.3)
  extension(OID.keyUsage, true, bits(Buffer.from([0b1010_1000]), 3)),
  extension(OID.extKeyUsage, false, sequence(oid(OID.serverAuth), oid(OID.clientAuth))),
  extension(OID.basicConstraints, true, sequence()),
]);
const CA_FIXED = Buffer.concat([
  // keyCertSign, cRLSign
  extension(OID.keyUsage, true, bits(Buffer.from([0b0000_0110]), 1)),
  extension(OID.basicConstraints, true, sequence(boolean(true))),
]);
const SUBJECT_KEY_ID = oid(OID.subjectKeyId);
const AUTHORITY_KEY_ID = oid(OID.authorityKeyId);
const ALT_NAME = oid(OID.subjectAltName);
const ALT_NAME_CRITICAL = Buffer.concat([oid(OID.subjectAltName), boolean(true)]);

/** The signed part of a certificate (TBSCertificate, RFC 5280 §4.1.2). */
export function encodeSignedPart(profile: CertificateProfile): Buffer {
  const names = [der(contextTag(6, false), Buffer.from(profile.uri, 'latin1'))];
  for (const name of profile.dnsNames ?? []) names.push(der(contextTag(2, false), Buffer.from(name, 'latin1')));
  const emptySubject = profile.subject.length === 2;
  const extensions = sequence(
    profile.kind === 'ca' ? CA_FIXED : LEAF_FIXED,
    sequence(SUBJECT_KEY_ID, octets(octets(keyId(profile.spki)))),
    sequence(AUTHORITY_KEY_ID, octets(sequence(der(contextTag(0, false), profile.issuerKeyId)))),
    // RFC 5280 §4.2.1.6: critical when the subject is empty.
    sequence(emptySubject ? ALT_NAME_CRITICAL : ALT_NAME, octets(sequence(...names))),
  );
  return sequence(
    VERSION_3,
    integer(profile.serial),
    ALGORITHMS[profile.scheme ?? 'ecdsa-sha256'],
    profile.issuer,
    sequence(time(profile.notBefore), time(profile.notAfter)),
    profile.subject,
    profile.spki,
    der(contextTag(3, true), extensions),
  );
}

/** Joins the signed part and its signature, which is of the profile's scheme. */
export function encodeCertificate(
  signedPart: Buffer,
  signature: Uint8Array,
  scheme: SignatureScheme = 'ecdsa-sha256',
): Buffer {
  return sequence(signedPart, ALGORITHMS[scheme], bits(signature));
}

/** Subject key identifier: SHA-1 of the key's bits (RFC 5280 §4.2.1.2 method 1); an index, not a proof. */
export function keyId(spki: Uint8Array): Buffer {
  const reader = new DerReader(spki).enter(TAG.sequence);
  reader.read(TAG.sequence);
  return hash('sha1', reader.read(TAG.bitString).content.subarray(1), 'buffer');
}

/** A distinguished name of printable attributes, in the order given. */
export function encodeName(attributes: readonly (readonly [oid: string, value: string])[]): Buffer {
  const parts = attributes.map(([id, value]) => {
    const tag = /^[A-Za-z0-9 '()+,./:=?-]*$/.test(value) ? TAG.printableString : TAG.utf8String;
    return setOf(sequence(oid(id), der(tag, Buffer.from(value, 'utf8'))));
  });
  return sequence(...parts);
}
