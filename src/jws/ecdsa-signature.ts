import { Fault } from '#kernel';

/**
 * An ECDSA signature as X.509 writes it (a DER sequence of two integers) in the form that JWS wants: R and S side by side, `bytes` each
 * (RFC 7518 §3.4). Throws `DER_INVALID`.
 */
export function joseSignature(der: Uint8Array, bytes = 32): Buffer {
  const input = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
  const long = input[1] === 0x81;
  const start = long ? 3 : 2;
  if (input[0] !== 0x30 || input[long ? 2 : 1] !== input.length - start) throw malformed();
  const r = readInteger(input, start, bytes);
  const s = readInteger(input, r.end, bytes);
  if (s.end !== input.length) throw malformed();
  return Buffer.concat([r.padded, s.padded]);
}

function readInteger(input: Buffer, at: number, bytes: number): { padded: Buffer; end: number } {
  const length = input[at + 1] ?? 0;
  const end = at + 2 + length;
  if (input[at] !== 0x02 || length === 0 || end > input.length) throw malformed();
  const content = input.subarray(at + 2, end);
  const magnitude = content[0] === 0 ? content.subarray(1) : content;
  if (magnitude.length > bytes) throw malformed();
  return { padded: Buffer.concat([Buffer.alloc(bytes - magnitude.length), magnitude]), end };
}

function malformed(): Fault {
  return new Fault('DER_INVALID', 'not the DER encoding of an ECDSA signature');
}
