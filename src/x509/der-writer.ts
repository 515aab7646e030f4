import { TAG } from './der-reader.ts';

/** Encodes one value with a minimal length (X.690 §10.1), in one allocation. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const content of contents) length += content.length;
  const width = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x1_0000 ? 2 : 3;
  const value = Buffer.allocUnsafe(2 + width + length);
  value[0] = tag;
  value[1] = width === 0 ? length : 0x80 | width;
  if (width > 0) value.writeUIntBE(length, 2, width);
  let offset = 2 + width;
  for (const content of contents) {
    value.set(content, offset);
    offset += content.length;
  }
  return value;
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => der(TAG.sequence, ...contents);
export const setOf = (...contents: readonly Uint8Array[]): Buffer => der(TAG.set, ...contents);
export const octets = (content: Uint8Array): Buffer => der(TAG.octetString, content);
export const bits = (content: Uint8Array, unused = 0): Buffer => der(TAG.bitString, Buffer.from([unused]), content);
export const boolean = (value: boolean): Buffer => Buffer.from([TAG.boolean, 1, value ? 0xff : 0x00]);

/** A non-negative INTEGER from its big-endian magnitude. */
export function integer(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const content = magnitude.subarray(start);
  return (content[0] ?? 0) >= 0x80
    ? der(TAG.integer, Buffer.from([0]), content)
    : der(TAG.integer, content.length === 0 ? Buffer.from([0]) : content);
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(part: number): number[] {
  const bytes = [part & 0x7f];
  for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128)) bytes.unshift((left & 0x7f) | 0x80);
  return bytes;
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280 §4.1.2.5). Whole seconds. */
export function time(millis: number): Buffer {
  const date = new Date(millis);
  const year = date.getUTCFullYear();
  const rest = [
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
  const short = year >= 1950 && year < 2050;
  const text = (short ? two(year % 100) : `${year}`) + rest.map(two).join('');
  return der(short ? TAG.utcTime : TAG.generalizedTime, Buffer.from(`${text}Z`, 'latin1'));
}

const two = (value: number): string => (value < 10 ? `0${value}` : `${value}`);
