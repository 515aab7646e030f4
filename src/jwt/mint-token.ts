import { type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { encodeSigningInput } from '#jws';
import type { TokenKind } from '#wire';
import { TYP } from './verify-token.ts';

export interface MintRequest {
  readonly kind: TokenKind;
  /** Everything, `iss`, `aud`, `iat` and `exp` included: the caller decides, this signs. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly kid: string;
  readonly key: KeyObject;
}

const signElsewhere = promisify(sign);

/** Signs with ES256, in another thread: this one has requests to serve. R and S stand side by side (RFC 7518 §3.4). */
export async function mintToken({ kind, claims, kid, key }: MintRequest): Promise<string> {
  const input = encodeSigningInput({ alg: 'ES256', typ: TYP[kind], kid }, claims);
  const signature = await signElsewhere('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}
