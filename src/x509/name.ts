import { isUtf8 } from 'node:buffer';
import { DerReader, type DerValue, derFault, readOid, TAG } from './der-reader.ts';
import { OID } from './oids.ts';

// Real authorities also write & and * into a PrintableString; every reader lets them.
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?&*]*$/;

/**
 * A distinguished name (RFC 5280 §4.1.2.4): sets of pairs of a type and a string. Returns its encoding. Strings are PrintableString, UTF8String or IA5String, the kinds that §4.1.2.4 lets authorities write.
 */
export function readName(reader: DerReader): Buffer {
  const name = reader.read(TAG.sequence);
  const parts = new DerReader(name.content, 3);
  while (!parts.done) {
    const set = parts.enter(TAG.set);
    if (set.done) throw derFault('a part of a name is empty');
    while (!set.done) {
      const pair = set.enter(TAG.sequence);
      readOid(pair.read(TAG.oid));
      assertText(pair.next());
      pair.end();
    }
  }
  return name.encoding;
}

/** True for the name without parts. */
export function isEmptyName(name: Buffer): boolean {
  return name.length === 2;
}

/**
 * A distinguished name that was read, in a form in which equal names are equal texts, one text a part: strings without outer blanks, runs of
 * blanks as one, in lower case, whatever their kind (RFC 5280 §7.1).
 */
export function canonicalName(name: Buffer): readonly string[] {
  return [...pairsOf(name)].map((set) =>
    set
      .map(({ type, text }) => `${type}=${canonicalText(text)}`)
      .sort()
      .join('+'),
  );
}

/** True when two names say the same. Nearly always they are equal byte by byte. */
export function isSameName(one: Buffer, other: Buffer): boolean {
  if (one.equals(other)) return true;
  const [parts, otherParts] = [canonicalName(one), canonicalName(other)];
  return parts.length === otherParts.length && parts.every((part, index) => part === otherParts[index]);
}

/** RFC 5280 §3.2: issued by an authority to itself, under the same name. */
export function isSelfIssued(certificate: { readonly subjectDer: Buffer; readonly issuerDer: Buffer }): boolean {
  return isSameName(certificate.subjectDer, certificate.issuerDer);
}

/** Addresses that a name itself holds (RFC 5280 §4.1.2.6). */
export function emailsOf(name: Buffer): readonly string[] {
  return [...pairsOf(name)].flatMap((set) =>
    set.filter(({ type }) => type === OID.emailAddress).map(({ text }) => text),
  );
}

/** The pairs of type and text of a name that somebody sent. Throws `DER_INVALID`. */
export function nameAttributes(name: Buffer): readonly (readonly [oid: string, value: string])[] {
  const reader = new DerReader(name, 2);
  readName(reader);
  reader.end();
  return [...pairsOf(name)].flatMap((set) => set.map(({ type, text }) => [type, text] as const));
}

function* pairsOf(name: Buffer): Generator<{ readonly type: string; readonly text: string }[]> {
  const parts = new DerReader(name, 2).enter(TAG.sequence);
  while (!parts.done) {
    const set = parts.enter(TAG.set);
    const pairs: { readonly type: string; readonly text: string }[] = [];
    while (!set.done) {
      const pair = set.enter(TAG.sequence);
      pairs.push({ type: readOid(pair.read(TAG.oid)), text: pair.next().content.toString('utf8') });
    }
    yield pairs;
  }
}

function canonicalText(text: string): string {
  return text.trim().replace(/\s+/g, ' ').toLowerCase();
}

function assertText({ tag, content }: DerValue): void {
  if (!isText(tag, content)) throw derFault('a name has text of a kind or with characters that are not allowed');
}

function isText(tag: number, content: Buffer): boolean {
  switch (tag) {
    case TAG.printableString:
      return PRINTABLE.test(content.toString('latin1'));
    case TAG.utf8String:
      return isUtf8(content);
    case TAG.ia5String:
      return content.every((byte) => byte < 0x80);
    default:
      return false;
  }
}
