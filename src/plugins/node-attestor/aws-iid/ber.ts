import { malformed } from '#attestation';

/** One BER value. CMS as AWS writes it has indefinite lengths, which DER does not. */
export interface BerValue {
  readonly tag: number;
  /** Without tag, length and end marks. */
  readonly content: Buffer;
  readonly encoding: Buffer;
  /** Of a constructed value. */
  readonly children: readonly BerValue[];
}

const MAX_DEPTH = 16;
const CONSTRUCTED = 0x20;
const INDEFINITE = 0x80;

/** Reads one value and nothing after it. Throws `ARGUMENT_INVALID`. */
export function readBer(bytes: Buffer): BerValue {
  const { value, end } = readAt(bytes, 0, 0);
  if (end !== bytes.length) throw malformed('bytes follow the signed message');
  return value;
}

/** The octets of an octet string that may come in pieces. */
export function octetsOf(value: BerValue): Buffer {
  if (value.tag === 0x04) return value.content;
  if (value.tag === (0x04 | CONSTRUCTED)) return Buffer.concat(value.children.map(octetsOf));
  throw malformed('the signed message has another form than expected');
}

interface Read {
  readonly value: BerValue;
  readonly end: number;
}

function readAt(bytes: Buffer, start: number, depth: number): Read {
  if (depth > MAX_DEPTH) throw malformed('the signed message is nested too deeply');
  const tag = byteAt(bytes, start);
  if ((tag & 0x1f) === 0x1f) throw malformed('the signed message has a tag that is not used there');
  const { length, at } = readLength(bytes, start + 1);
  const constructed = (tag & CONSTRUCTED) !== 0;
  if (length === undefined && !constructed) throw malformed('the signed message has a length that cannot be');
  const limit = length === undefined ? bytes.length : at + length;
  if (limit > bytes.length) throw malformed('the signed message ends early');
  const children: BerValue[] = [];
  let next = at;
  if (constructed) {
    while (length === undefined ? !isEnd(bytes, next) : next < limit) {
      const child = readAt(bytes.subarray(0, limit), next, depth + 1);
      children.push(child.value);
      next = child.end;
    }
  } else next = limit;
  const end = length === undefined ? next + 2 : next;
  return { value: { tag, content: bytes.subarray(at, next), encoding: bytes.subarray(start, end), children }, end };
}

function readLength(bytes: Buffer, start: number): { readonly length: number | undefined; readonly at: number } {
  const first = byteAt(bytes, start);
  if (first === INDEFINITE) return { length: undefined, at: start + 1 };
  if (first < INDEFINITE) return { length: first, at: start + 1 };
  const count = first & 0x7f;
  if (count > 4 || start + 1 + count > bytes.length) throw malformed('the signed message has a length that cannot be');
  return { length: bytes.readUIntBE(start + 1, count), at: start + 1 + count };
}

function isEnd(bytes: Buffer, at: number): boolean {
  return byteAt(bytes, at) === 0 && byteAt(bytes, at + 1) === 0;
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw malformed('the signed message ends early');
  return byte;
}
