import { contextTag, DerReader, type DerValue, derFault, readOid } from './der-reader.ts';
import { readName } from './name.ts';

/** Names of a subject by form (RFC 5280 §4.2.1.6). */
export interface SubjectNames {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly emails: readonly string[];
  /** 4 or 16 bytes. */
  readonly addresses: readonly Buffer[];
  /** Encoded distinguished names. */
  readonly directories: readonly Buffer[];
  /** True when there is a name of a form that is not read here. */
  readonly others: boolean;
}

export interface CollectedNames {
  readonly uris: string[];
  readonly dns: string[];
  readonly emails: string[];
  readonly addresses: Buffer[];
  readonly directories: Buffer[];
  others: boolean;
}

const EMAIL = contextTag(1, false);
const DNS = contextTag(2, false);
const DIRECTORY = contextTag(4, true);
const URI = contextTag(6, false);
const ADDRESS = contextTag(7, false);
const REGISTERED_ID = contextTag(8, false);
/** otherName, x400Address, ediPartyName: not read here. */
const OTHERS: readonly number[] = [contextTag(0, true), contextTag(3, true), contextTag(5, true)];

/** Adds one GeneralName to those of its form. Addresses are taken as they are: a constraint's have twice the length. */
export function readGeneralName(value: DerValue, into: CollectedNames): void {
  switch (value.tag) {
    case URI:
      into.uris.push(ia5(value.content));
      break;
    case DNS:
      into.dns.push(ia5(value.content));
      break;
    case EMAIL:
      into.emails.push(ia5(value.content));
      break;
    case ADDRESS:
      into.addresses.push(value.content);
      break;
    case DIRECTORY: {
      const reader = new DerReader(value.content, 4);
      into.directories.push(readName(reader));
      reader.end();
      break;
    }
    case REGISTERED_ID:
      readOid(value);
      into.others = true;
      break;
    default:
      if (!OTHERS.includes(value.tag)) throw derFault('a name is of no form that there is');
      into.others = true;
  }
}

function ia5(content: Buffer): string {
  for (const byte of content) if (byte >= 0x80 || byte === 0) throw derFault('a name has bytes outside of IA5');
  return content.toString('latin1');
}
