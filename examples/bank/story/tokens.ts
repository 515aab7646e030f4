// What an attacker makes of a token that it came by.
import { generateKeyPairSync, sign } from 'node:crypto';
import { jsonOf } from './http.ts';

type Json = Readonly<Record<string, unknown>>;

/** Milliseconds since the epoch; anybody who holds a token can read when it ends. */
export function expiryOf(token: string): number {
  return Number(partOf(token, 1).exp ?? 0) * 1000;
}

/** The same token for another user, under the old signature. */
export function withOtherUser(token: string, user: string): string {
  const [head = '', , signature = ''] = token.split('.');
  return [head, encode({ ...partOf(token, 1), sub: user }), signature].join('.');
}

/** The same token under another key id, or under the minter's own, signed with a key of the attacker's. */
export function signedAnew(token: string, kid?: string): string {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const head = { ...partOf(token, 0), ...(kid === undefined ? {} : { kid }) };
  const text = `${encode(head)}.${encode(partOf(token, 1))}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** `alg: none` (RFC 8725 §3.1). */
export function unsigned(token: string): string {
  return `${encode({ ...partOf(token, 0), alg: 'none' })}.${encode(partOf(token, 1))}.`;
}

/** `RegisterMinterRequest` for a key of the attacker's, base64 of its protobuf: fields 1, 2 and 3 are texts. */
export function minterRequest(trustDomain: string): string {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), alg: 'ES256', kid: 'attackers-own-key' };
  const fields = [trustDomain, JSON.stringify(jwk), 'txn-token'].map((text, index) => {
    const bytes = Buffer.from(text);
    const { length } = bytes;
    const size = length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
    return Buffer.concat([Buffer.from([((index + 1) << 3) | 2, ...size]), bytes]);
  });
  return Buffer.concat(fields).toString('base64');
}

function partOf(token: string, index: number): Json {
  return jsonOf(Buffer.from(token.split('.')[index] ?? '', 'base64url').toString());
}

function encode(part: Json): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
