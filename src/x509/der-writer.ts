import { TAG } from './der-reader.ts';

/** Encodes one value with a minimal length (X.690 §10.1). */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const content of contents) length += content.length;
  return Buffer.concat([header(tag, length), ...contents]);
}

function header(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length]);
  if (length < 0x100) return Buffer.from([tag, 0x81, length]);
  if (length < 0x1_0000) return Buffer.from([tag, 0x82, length >> 8, length & 0xff]);
  return Buffer.from([tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]);
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
  const text = new Date(millis).toISOString().replace(/[-:T]|\.\d{3}/g, '');
  return text < '2050'
    ? der(TAG.utcTime, Buffer.from(text.slice(2), 'latin1'))
    : der(TAG.generalizedTime, Buffer.from(text, 'latin1'));
}
