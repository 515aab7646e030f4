import { constants, type KeyObject, sign, verify } from 'node:crypto';
import { bytesOf, malformed, readEvidence } from '#attestation';
import { isJsonObject, type JsonObject } from '#kernel';

const NONCE_BYTES = 32;
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING };

/** SPIRE's name for each kind of key. */
type Kind = 'rsa_signature' | 'ecdsa_signature';

/** Throws `ARGUMENT_INVALID` for a key that this proof is not made with. */
export function kindOf(key: KeyObject): Kind {
  if (key.asymmetricKeyType === 'rsa') return 'rsa_signature';
  if (key.asymmetricKeyType === 'ec') return 'ecdsa_signature';
  throw malformed('the key of the certificate is neither RSA nor of a curve');
}

export function encodeChallenge(key: KeyObject, nonce: Buffer): Buffer {
  return Buffer.from(JSON.stringify({ [kindOf(key)]: { nonce: nonce.toString('base64') } }));
}

/** True when `response` signs both nonces, the challenger's first: neither side chooses alone what is signed. */
export function verifyResponse(key: KeyObject, nonce: Buffer, response: Buffer): boolean {
  const proof = proofOf(key, response);
  const own = nonceOf(proof);
  const signed = Buffer.concat([nonce, own]);
  if (kindOf(key) === 'rsa_signature') {
    const options = { key, ...PSS, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
    return verify('sha256', signed, options, bytesOf(proof.signature, 'the signature'));
  }
  const bytes = curveBytes(key);
  const [r, s] = [bytesOf(proof.r, 'r'), bytesOf(proof.s, 's')];
  if (r.length > bytes || s.length > bytes) return false;
  const pair = Buffer.concat([padded(r, bytes), padded(s, bytes)]);
  return verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, pair);
}

/** The node's answer to a challenge. Throws `ARGUMENT_INVALID` for one that is not for this key. */
export function respond(key: KeyObject, challenge: Buffer, own: Buffer): Buffer {
  const signed = Buffer.concat([nonceOf(proofOf(key, challenge)), own]);
  const kind = kindOf(key);
  const nonce = own.toString('base64');
  if (kind === 'rsa_signature') {
    const signature = sign('sha256', signed, { key, ...PSS, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
    return Buffer.from(JSON.stringify({ [kind]: { nonce, signature: signature.toString('base64') } }));
  }
  const pair = sign('sha256', signed, { key, dsaEncoding: 'ieee-p1363' });
  const half = pair.length / 2;
  const [r, s] = [pair.subarray(0, half).toString('base64'), pair.subarray(half).toString('base64')];
  return Buffer.from(JSON.stringify({ [kind]: { nonce, r, s } }));
}

function proofOf(key: KeyObject, message: Buffer): JsonObject {
  const proof = readEvidence(message)[kindOf(key)];
  if (!isJsonObject(proof)) throw malformed('the signature is of another kind than the key');
  return proof;
}

function nonceOf(proof: JsonObject): Buffer {
  const nonce = bytesOf(proof.nonce, 'the nonce');
  if (nonce.length !== NONCE_BYTES) throw malformed('the nonce has another length than 32 bytes');
  return nonce;
}

function curveBytes(key: KeyObject): number {
  const sizes: Readonly<Record<string, number>> = { prime256v1: 32, secp384r1: 48, secp521r1: 66 };
  const bytes = sizes[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (bytes === undefined) throw malformed('the key is of a curve that is not accepted');
  return bytes;
}

/** Go writes big numbers without leading zeros. */
function padded(number: Buffer, bytes: number): Buffer {
  return Buffer.concat([Buffer.alloc(bytes - number.length), number]);
}
