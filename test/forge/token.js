import { constants, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { verifyingKey } from '#jws';

const CURVES = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' };
export function newTokenKey(alg = 'ES256') {
  const curve = CURVES[alg];
  const { privateKey } =
    curve === undefined
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: curve });
  return { alg, privateKey, verifying: verifyingKey(createPublicKey(privateKey)) };
}
/** Signs as the algorithm's name says, whatever the key. */
export function signAs(alg, key, input) {
  const hash = `sha${alg.slice(2)}`;
  const data = Buffer.from(input);
  if (alg.startsWith('ES')) return sign(hash, data, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  const padding = alg.startsWith('PS')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { padding: constants.RSA_PKCS1_PADDING };
  return sign(hash, data, { key, ...padding }).toString('base64url');
}
const encode = (part) =>
  (Buffer.isBuffer(part) ? part : Buffer.from(typeof part === 'string' ? part : JSON.stringify(part))).toString(
    'base64url',
  );
/** A compact JWS of whatever header and payload. */
export function forgeToken(key, header, payload) {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${signAs(key.alg, key.privateKey, input)}`;
}
