import { type KeyObject } from 'node:crypto';
import { type VerifyingKey } from '#jws';
/** A key pair for signing tokens that no authority of ours would issue, and how its algorithm signs. */
export interface TokenKey {
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly verifying: VerifyingKey;
}
export declare function newTokenKey(alg?: string): TokenKey;
/** Signs as the algorithm's name says, whatever the key. */
export declare function signAs(alg: string, key: KeyObject, input: string): string;
/** A part of a token: an object, or the text or bytes that stand in its place. */
type Part = object | string;
/** A compact JWS of whatever header and payload. */
export declare function forgeToken(key: TokenKey, header: Part, payload: Part): string;
