import { createPublicKey, type KeyObject } from 'node:crypto';
import { Fault } from '#kernel';
import { assertDer, DerReader, derFault, readBitBytes, TAG } from './der-reader.ts';
import { cachedKey } from './key-cache.ts';

const CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1'];
const UNCOMPRESSED = 0x04;

/**
 * A public key of a kind and size that may sign: P-256, P-384, P-521 as uncompressed points, Ed25519, RSA of 2048 to 8192 bits.
 * Throws `DER_INVALID` or `CERTIFICATE_INVALID`.
 */
export function readPublicKey(spki: Buffer): KeyObject {
  return cachedKey(spki, readUnseenKey);
}

function readUnseenKey(spki: Buffer): KeyObject {
  const point = findP256Point(spki);
  return point === undefined ? readAnyKey(spki) : (openPoint(point) ?? readAnyKey(spki));
}

function readAnyKey(spki: Buffer): KeyObject {
  const bytes = keyBytes(spki);
  const key = openPublicKey(spki);
  if (!isAccepted(key, bytes)) {
    throw new Fault(
      'CERTIFICATE_INVALID',
      'not an acceptable certificate: its public key is of a kind or size that is not accepted',
    );
  }
  return key;
}

function isAccepted(key: KeyObject, bytes: Buffer): boolean {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return true;
    case 'ec':
      // OpenSSL also takes compressed and hybrid points: one key then has several encodings, and other validators refuse them.
      return CURVES.includes(details?.namedCurve) && bytes[0] === UNCOMPRESSED;
    case 'rsa': {
      const bits = details?.modulusLength ?? 0;
      return bits >= 2048 && bits <= 8192;
    }
    default:
      return false;
  }
}

/** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), read strictly: OpenSSL also takes BER here, and bytes after the end. */
function keyBytes(spki: Buffer): Buffer {
  const outer = new DerReader(spki);
  const body = outer.enter(TAG.sequence);
  outer.end();
  assertDer(body.read(TAG.sequence), 2);
  const bytes = readBitBytes(body.read(TAG.bitString));
  body.end();
  return bytes;
}

/** Everything of a P-256 key but its uncompressed point: there is one way to write it. */
const P256_HEAD = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
const P256_POINT_BYTES = 65;

/** Most keys are of this kind, and their point is opened for less than their encoding. */
function findP256Point(spki: Buffer): Buffer | undefined {
  const at = P256_HEAD.length - 1;
  return spki.length === at + P256_POINT_BYTES && spki.subarray(0, at + 1).equals(P256_HEAD)
    ? spki.subarray(at)
    : undefined;
}

/** Undefined for a point that is not on the curve, and where Node reads no raw keys. */
function openPoint(key: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key, format: 'raw-public', asymmetricKeyType: 'ec', namedCurve: 'P-256' });
  } catch {
    return undefined;
  }
}

function openPublicKey(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (error) {
    throw derFault('a public key cannot be read', error);
  }
}
