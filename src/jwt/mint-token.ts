import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { TokenKind } from '#wire';
import { TYP } from './verify-token.ts';

export interface MintRequest {
  readonly kind: TokenKind;
  /** Everything, `iss`, `aud`, `iat` and `exp` included: the caller decides, this signs. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly kid: string;
  readonly key: KeyObject;
}

/** Signs with ES256. */
export function mintToken({ kind, claims, kid, key }: MintRequest): Promise<string> {
  return new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', typ: TYP[kind], kid }).sign(key);
}
