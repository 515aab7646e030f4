import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { contextTag } from '../../src/x509/der-reader.ts';
import { bits, boolean, der, integer, octets, oid, sequence, time } from '../../src/x509/der-writer.ts';
import { OID } from '../../src/x509/oids.ts';
import { encodeName, keyId } from '../../src/x509/profile.ts';

/** A certificate to be made, sound unless said otherwise: for tests that need certificates which no authority of ours would issue. */
export interface Forgery {
  readonly subject?: string;
  /** Encoded subject, instead of `subject`. */
  readonly subjectName?: Buffer;
  /** Encoded issuer, instead of the subject of the issuer. */
  readonly issuerName?: Buffer;
  /** Further names of the subject alternative name, encoded. */
  readonly altNames?: readonly Buffer[];
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ca?: boolean;
  readonly pathLen?: number;
  readonly keyUsage?: readonly ('digitalSignature' | 'keyAgreement' | 'keyCertSign' | 'cRLSign')[] | 'absent';
  readonly keyUsageCritical?: boolean;
  readonly extKeyUsage?: readonly string[];
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** Extra extensions, encoded. */
  readonly extra?: readonly Buffer[];
  /** Instead of that of the issuer's key. */
  readonly authorityKeyId?: Buffer;
  readonly key?: KeyObject;
  readonly signWith?: KeyObject;
}

export interface Forged {
  readonly der: Buffer;
  readonly key: KeyObject;
  readonly name: Buffer;
}

export const NOW = Date.UTC(2026, 5, 1, 12);
const DAY = 86_400_000;
const BITS = { digitalSignature: 0x80, keyAgreement: 0x08, keyCertSign: 0x04, cRLSign: 0x02 } as const;
let counter = 1;

export const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));

export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
}

/** Makes a certificate signed by `issuer`, or by itself. */
export function forge(what: Forgery, issuer?: Forged): Forged {
  const key = what.key ?? newKey();
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const name = what.subjectName ?? encodeName([[OID.commonName, what.subject ?? `forged ${counter}`]]);
  const issuerKey = issuer?.key ?? key;
  const issuerSpki = createPublicKey(issuerKey).export({ type: 'spki', format: 'der' });
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const signed = sequence(
    der(contextTag(0, true), integer(Buffer.from([2]))),
    integer(Buffer.from([1, counter >> 8, counter++ & 0xff])),
    algorithm,
    what.issuerName ?? issuer?.name ?? name,
    sequence(time(what.notBefore ?? NOW - DAY), time(what.notAfter ?? NOW + DAY)),
    name,
    spki,
    der(contextTag(3, true), sequence(...extensions(what, spki, issuerSpki))),
  );
  const signature = sign('sha256', signed, { key: what.signWith ?? issuerKey, dsaEncoding: 'der' });
  return { der: sequence(signed, algorithm, bits(signature)), key, name };
}

function extensions(what: Forgery, spki: Buffer, issuerSpki: Buffer): Buffer[] {
  const list: Buffer[] = [];
  const usage = what.keyUsage ?? (what.ca ? (['keyCertSign', 'cRLSign'] as const) : (['digitalSignature'] as const));
  if (usage !== 'absent')
    list.push(
      extension(OID.keyUsage, what.keyUsageCritical ?? true, namedBits(usage.reduce((all, bit) => all | BITS[bit], 0))),
    );
  if (what.extKeyUsage) list.push(extension(OID.extKeyUsage, false, sequence(...what.extKeyUsage.map(oid))));
  if (what.ca) {
    const length = what.pathLen === undefined ? [] : [integer(Buffer.from([what.pathLen]))];
    list.push(extension(OID.basicConstraints, true, sequence(boolean(true), ...length)));
  }
  list.push(extension(OID.subjectKeyId, false, octets(keyId(spki))));
  list.push(
    extension(OID.authorityKeyId, false, sequence(der(contextTag(0, false), what.authorityKeyId ?? keyId(issuerSpki)))),
  );
  const names = [
    ...(what.uris ?? []).map((uri) => der(contextTag(6, false), Buffer.from(uri))),
    ...(what.dnsNames ?? []).map((dns) => der(contextTag(2, false), Buffer.from(dns))),
    ...(what.altNames ?? []),
  ];
  if (names.length > 0) list.push(extension(OID.subjectAltName, false, sequence(...names)));
  return [...list, ...(what.extra ?? [])];
}

function namedBits(byte: number): Buffer {
  let unused = 0;
  while (unused < 8 && (byte & (1 << unused)) === 0) unused++;
  return unused === 8 ? bits(Buffer.alloc(0)) : bits(Buffer.from([byte]), unused);
}
