import { isUtf8 } from 'node:buffer';
import { DerReader, type DerValue, derFault, readOid, TAG } from './der-reader.ts';

// Real authorities also write & and * into a PrintableString; every reader lets them.
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?&*]*$/;

/**
 * A distinguished name (RFC 5280 §4.1.2.4): sets of pairs of a type and a string. Returns its encoding, for names are compared byte by
 * byte. Strings are PrintableString, UTF8String or IA5String, the kinds that §4.1.2.4 lets authorities write.
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
