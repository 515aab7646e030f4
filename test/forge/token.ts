import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type VerifyingKey, verifyingKey } from '#jws';

/** A key pair for signing tokens that no authority of ours would issue, and how its algorithm signs. */
export interface TokenKey {
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly verifying: VerifyingKey;
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' };

export function newTokenKey(alg = 'ES256'): TokenKey {
  const curve = CURVES[alg];
  const { privateKey } =
    curve === undefined
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: curve });
  return { alg, privateKey, verifying: verifyingKey(createPublicKey(privateKey)) };
}

/** Signs as the algorithm's name says, whatever the key. */
export function signAs(alg: string, key: KeyObject, input: string): string {
  const hash = `sha${alg.slice(2)}`;
  const data = Buffer.from(input);
  if (alg.startsWith('ES')) return sign(hash, data, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  const padding = alg.startsWith('PS')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { padding: constants.RSA_PKCS1_PADDING };
  return sign(hash, data, { key, ...padding }).toString('base64url');
}

/** A part of a token: an object, or the text or bytes that stand in its place. */
type Part = object | string;

const encode = (part: Part): string =>
  (Buffer.isBuffer(part) ? part : Buffer.from(typeof part === 'string' ? part : JSON.stringify(part))).toString(
    'base64url',
  );

/** A compact JWS of whatever header and payload. */
export function forgeToken(key: TokenKey, header: Part, payload: Part): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${signAs(key.alg, key.privateKey, input)}`;
}
