import {
  assertDer,
  contextTag,
  type DerReader,
  derFault,
  DerReader as Reader,
  readBoolean,
  readOid,
  readSmallInteger,
  TAG,
} from './der-reader.ts';
import { readGeneralName, type SubjectNames } from './general-name.ts';
import { type NameConstraints, readNameConstraints } from './name-constraints.ts';
import { OID } from './oids.ts';
import {
  type CertificatePolicies,
  readPolicies,
  readPolicyConstraints,
  readPolicyMappings,
} from './policy-extensions.ts';

/** What the extensions of a certificate or request say; absent extensions are undefined or empty. */
export interface Extensions {
  readonly basicConstraints?: { readonly isCa: boolean; readonly pathLen?: number };
  readonly keyUsage?: KeyUsage;
  readonly extKeyUsage?: readonly string[];
  /** The names of the subject alternative name that SVIDs use; all of them are in `names`. */
  readonly uriSans: readonly string[];
  readonly dnsNames: readonly string[];
  readonly names: SubjectNames;
  readonly policies?: CertificatePolicies;
  readonly subjectKeyId?: Buffer;
  readonly authorityKeyId?: Buffer;
  readonly nameConstraints?: NameConstraints;
  /** Critical extensions that this reader does not process: a validator must refuse the certificate (RFC 5280 §4.2). */
  readonly unknownCritical: readonly string[];
}

export interface KeyUsage {
  readonly critical: boolean;
  readonly digitalSignature: boolean;
  readonly keyEncipherment: boolean;
  readonly keyAgreement: boolean;
  readonly keyCertSign: boolean;
  readonly cRLSign: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

type Found = Mutable<Extensions> & { unknownCritical: string[] };

export const NO_EXTENSIONS: Extensions = {
  uriSans: [],
  dnsNames: [],
  names: { uris: [], dns: [], emails: [], addresses: [], directories: [], others: false },
  unknownCritical: [],
};

/** Reads an `Extensions` sequence. Each extension at most once (RFC 5280 §4.2). */
export function readExtensions(reader: DerReader): Extensions {
  const found: Found = { ...NO_EXTENSIONS, unknownCritical: [] };
  const seen = new Set<string>();
  if (reader.done) throw derFault('a list of extensions is not empty');
  while (!reader.done) {
    const extension = reader.enter(TAG.sequence);
    const id = readOid(extension.read(TAG.oid));
    if (seen.has(id)) throw derFault('an extension occurs twice');
    seen.add(id);
    const criticalValue = extension.optional(TAG.boolean);
    const critical = criticalValue !== undefined && readBoolean(criticalValue);
    if (criticalValue !== undefined && !critical) throw derFault('a default value is encoded');
    const value = new Reader(extension.read(TAG.octetString).content, 4);
    extension.end();
    if (!readOne(found, id, critical, value) && critical) found.unknownCritical.push(id);
  }
  return found;
}

/** Returns false for an extension that is not processed here. */
function readOne(found: Mutable<Extensions>, id: string, critical: boolean, value: DerReader): boolean {
  switch (id) {
    case OID.basicConstraints:
      found.basicConstraints = readBasicConstraints(value.enter(TAG.sequence));
      break;
    case OID.keyUsage:
      found.keyUsage = readKeyUsage(value.read(TAG.bitString).content, critical);
      break;
    case OID.extKeyUsage:
      found.extKeyUsage = readOids(value.enter(TAG.sequence));
      break;
    case OID.subjectAltName:
      Object.assign(found, readAltNames(value.enter(TAG.sequence)));
      break;
    case OID.subjectKeyId:
      assertNotCritical(critical);
      found.subjectKeyId = value.read(TAG.octetString).content;
      break;
    case OID.authorityKeyId: {
      assertNotCritical(critical);
      const inner = value.enter(TAG.sequence);
      const keyId = inner.optional(contextTag(0, false));
      if (keyId !== undefined) found.authorityKeyId = keyId.content;
      while (!inner.done) assertDer(inner.next(), 6);
      break;
    }
    case OID.nameConstraints:
      found.nameConstraints = readNameConstraints(value.enter(TAG.sequence));
      break;
    case OID.certificatePolicies:
      found.policies = { ...found.policies, asserted: readPolicies(value.enter(TAG.sequence)) };
      break;
    case OID.policyMappings:
      found.policies = { ...found.policies, mappings: readPolicyMappings(value.enter(TAG.sequence)) };
      break;
    case OID.policyConstraints:
      found.policies = { ...found.policies, ...readPolicyConstraints(value.enter(TAG.sequence)) };
      break;
    case OID.inhibitAnyPolicy:
      found.policies = { ...found.policies, inhibitAny: readSmallInteger(value.read(TAG.integer)) };
      break;
    default:
      return false;
  }
  value.end();
  return true;
}

function readBasicConstraints(reader: DerReader): { isCa: boolean; pathLen?: number } {
  const ca = reader.optional(TAG.boolean);
  const isCa = ca !== undefined && readBoolean(ca);
  if (ca !== undefined && !isCa) throw derFault('a default value is encoded');
  const length = reader.optional(TAG.integer);
  reader.end();
  if (length === undefined) return { isCa };
  if (!isCa) throw derFault('a path length stands in a certificate that is no CA');
  return { isCa, pathLen: readSmallInteger(length) };
}

function readKeyUsage(content: Buffer, critical: boolean): KeyUsage {
  const unused = content[0];
  const first = content[1];
  const second = content[2] ?? 0;
  const last = content.at(-1) ?? 0;
  if (unused === undefined || unused > 7 || first === undefined || content.length > 3)
    throw derFault('a key usage is malformed');
  if ((last & ((1 << (unused + 1)) - 1)) !== 1 << unused) throw derFault('a named bit list has trailing zeros');
  if (second !== 0 && content.length < 3) throw derFault('a key usage is malformed');
  const bit = (position: number): boolean => (first & (0x80 >> position)) !== 0;
  return {
    critical,
    digitalSignature: bit(0),
    keyEncipherment: bit(2),
    keyAgreement: bit(4),
    keyCertSign: bit(5),
    cRLSign: bit(6),
  };
}

function readOids(reader: DerReader): string[] {
  const oids: string[] = [];
  while (!reader.done) oids.push(readOid(reader.read(TAG.oid)));
  if (oids.length === 0) throw derFault('an extended key usage names at least one purpose');
  return oids;
}

function readAltNames(reader: DerReader): Pick<Extensions, 'uriSans' | 'dnsNames' | 'names'> {
  const names = { uris: [], dns: [], emails: [], addresses: [], directories: [], others: false };
  if (reader.done) throw derFault('a subject alternative name has at least one name');
  while (!reader.done) readGeneralName(reader.next(), names);
  return { uriSans: names.uris, dnsNames: names.dns, names };
}

/** RFC 5280 §4.2.1.1, §4.2.1.2: key identifiers are never critical. */
function assertNotCritical(critical: boolean): void {
  if (critical) throw derFault('a key identifier is critical');
}
