import { Fault, LIMITS } from '#kernel';

/** One DER value: its tag byte, its content and its whole encoding, as views of the input. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  readonly encoding: Buffer;
}

/** Tag bytes of X.690 §8, as they occur in certificates and requests. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context-specific tag byte: `[number]`, constructed or primitive. */
export function contextTag(number: number, constructed: boolean): number {
  return (constructed ? 0xa0 : 0x80) | number;
}

/**
 * Reads the values of one constructed value in order. Strict: definite, minimal lengths only (X.690 §10.1), single-byte tags, nothing
 * left over. Throws `DER_INVALID`.
 */
export class DerReader {
  readonly #input: Buffer;
  readonly #end: number;
  readonly #depth: number;
  #offset: number;

  constructor(input: Uint8Array, depth = 0, from = 0, end: number = input.byteLength) {
    this.#input = Buffer.isBuffer(input) ? input : Buffer.from(input.buffer, input.byteOffset, input.byteLength);
    this.#offset = from;
    this.#end = end;
    this.#depth = depth;
    if (depth > LIMITS.derDepth.value) throw derFault('values are nested too deeply');
  }

  get done(): boolean {
    return this.#offset === this.#end;
  }

  /** Tag byte of the next value, undefined at the end. */
  peek(): number | undefined {
    return this.#offset < this.#end ? this.#input[this.#offset] : undefined;
  }

  /** The next value, which must have the tag. */
  read(tag: number): DerValue {
    return this.#next(tag);
  }

  /** The next value when it has the tag, else undefined. */
  optional(tag: number): DerValue | undefined {
    return this.peek() === tag ? this.#next(tag) : undefined;
  }

  /** A reader for the content of the next value, which must have the tag. */
  enter(tag: number): DerReader {
    const value = this.#next(tag);
    return new DerReader(this.#input, this.#depth + 1, value.from, value.to);
  }

  end(): void {
    if (!this.done) throw derFault('there are bytes after the last value');
  }

  next(): DerValue {
    return this.#next(undefined);
  }

  #next(wanted: number | undefined): View {
    const start = this.#offset;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw derFault('multi-byte tags are not used in certificates');
    const length = this.#length();
    const from = this.#offset;
    if (length > this.#end - from) throw derFault('a value is longer than its container');
    this.#offset = from + length;
    if (wanted !== undefined && tag !== wanted) throw derFault('a value has another type than expected');
    return new View(this.#input, tag, start, from, this.#offset);
  }

  #byte(): number {
    const byte = this.#offset < this.#end ? this.#input[this.#offset] : undefined;
    if (byte === undefined) throw derFault('the encoding ends too early');
    this.#offset++;
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw derFault('a length is indefinite or too long');
    let length = 0;
    for (let index = 0; index < count; index++) length = (length << 8) | this.#byte();
    if (length < 0x80 || length < 1 << (8 * (count - 1))) throw derFault('a length is not minimal');
    return length;
  }
}

/** A value by its place in the input: a certificate has some sixty, and few are looked at as bytes. */
class View implements DerValue {
  readonly #input: Buffer;
  readonly #start: number;
  readonly tag: number;
  readonly from: number;
  readonly to: number;

  constructor(input: Buffer, tag: number, start: number, from: number, to: number) {
    this.#input = input;
    this.tag = tag;
    this.#start = start;
    this.from = from;
    this.to = to;
  }

  get content(): Buffer {
    return this.#input.subarray(this.from, this.to);
  }

  get encoding(): Buffer {
    return this.#input.subarray(this.#start, this.to);
  }
}

const CONSTRUCTED = 0x20;

/** Walks a value whose content is not interpreted, so that it is DER to its last byte: names, algorithms, keys. */
export function assertDer(value: DerValue, depth: number): void {
  if ((value.tag & CONSTRUCTED) === 0) return;
  const reader = new DerReader(value.content, depth);
  while (!reader.done) assertDer(reader.next(), depth + 1);
}

export function derFault(rule: string, cause?: unknown): Fault {
  return new Fault('DER_INVALID', `not a DER encoding: ${rule}`, cause === undefined ? {} : { cause });
}

/** BOOLEAN: 00 or FF (X.690 §11.1). */
export function readBoolean(value: DerValue): boolean {
  if (value.content.length !== 1) throw derFault('a boolean has one byte');
  if (value.content[0] === 0xff) return true;
  if (value.content[0] === 0x00) return false;
  throw derFault('a boolean is 00 or FF');
}

/** Content of an INTEGER, checked to be minimal (X.690 §8.3.2). */
export function readInteger(value: DerValue): Buffer {
  const { content } = value;
  const first = content[0];
  const second = content[1];
  if (first === undefined) throw derFault('an integer has at least one byte');
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw derFault('an integer is not minimal');
  }
  return content;
}

/** A small non-negative INTEGER. */
export function readSmallInteger(value: DerValue): number {
  const content = readInteger(value);
  if (content.length > 4 || (content[0] ?? 0) >= 0x80) throw derFault('an integer is negative or too large');
  return content.readUIntBE(0, content.length);
}

/** Bits of a BIT STRING whose length is a multiple of eight, as keys and signatures are. */
export function readBitBytes(value: DerValue): Buffer {
  if (value.content[0] !== 0) throw derFault('a bit string of whole bytes has no unused bits');
  return value.content.subarray(1);
}

const OIDS_KEPT = 256;
const OID_BYTES_KEPT = 32;
const oidsRead = new Map<string, string>();

/** Dotted form of an OBJECT IDENTIFIER. The same few come again and again, so they are remembered. */
export function readOid(value: DerValue): string {
  const { content } = value;
  const bytes = content.toString('latin1');
  const known = oidsRead.get(bytes);
  if (known !== undefined) return known;
  const dotted = decodeOid(content);
  if (oidsRead.size < OIDS_KEPT && content.length <= OID_BYTES_KEPT) oidsRead.set(bytes, dotted);
  return dotted;
}

function decodeOid(content: Buffer): string {
  const parts: number[] = [];
  let part = 0;
  let fresh = true;
  for (const byte of content) {
    if (fresh && byte === 0x80) throw derFault('an object identifier is not minimal');
    if (part > 0x1ff_ffff) throw derFault('an object identifier has too large a part');
    part = part * 128 + (byte & 0x7f);
    fresh = byte < 0x80;
    if (fresh) {
      parts.push(part);
      part = 0;
    }
  }
  const first = parts[0];
  if (!fresh || first === undefined) throw derFault('an object identifier ends too early');
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - top * 40, ...parts.slice(1)].join('.');
}

/**
 * UTCTime of 1950 to 2049 or GeneralizedTime (RFC 5280 §4.1.2.5), in milliseconds since the epoch. Authorities write GeneralizedTime from 2050
 * on only; who reads takes it for any year, as PKITS 4.2.4 has it.
 */
export function readTime(value: DerValue): number {
  const utc = value.tag === TAG.utcTime;
  if (!utc && value.tag !== TAG.generalizedTime) throw derFault('a time is UTCTime or GeneralizedTime');
  const { content } = value;
  const yearDigits = utc ? 2 : 4;
  if (content.length !== yearDigits + 11 || content[yearDigits + 10] !== LETTER_Z)
    throw derFault('a time has seconds and ends with Z');
  const year = readDigits(content, 0, yearDigits);
  const two = (at: number): number => readDigits(content, yearDigits + at, 2);
  const [month, day, hour, minute, second] = [two(0), two(2), two(4), two(6), two(8)];
  const full = utc ? (year < 50 ? 2000 + year : 1900 + year) : year;
  const millis = Date.UTC(full, month - 1, day, hour, minute, second);
  const back = new Date(millis);
  const sound =
    back.getUTCFullYear() === full &&
    back.getUTCMonth() === month - 1 &&
    back.getUTCDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  if (!sound) throw derFault('a time names no moment');
  return millis;
}

const LETTER_Z = 0x5a;
const DIGIT_0 = 0x30;

function readDigits(content: Buffer, from: number, count: number): number {
  let number = 0;
  for (let at = from; at < from + count; at++) {
    const digit = (content[at] ?? 0) - DIGIT_0;
    if (digit < 0 || digit > 9) throw derFault('a time has seconds and ends with Z');
    number = number * 10 + digit;
  }
  return number;
}
