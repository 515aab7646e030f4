import { constants, type KeyObject, verify } from 'node:crypto';
import { Fault, isFault, isJsonObject, type JsonObject, LIMITS, readJson } from '#kernel';
import { type Algorithm, findAlgorithm, fitsAlgorithm } from './algorithms.ts';
import { decodeBase64url } from './base64url.ts';
import type { VerifyingKey } from './jwk.ts';

/** A compact JWS that has been read strictly, once. Nothing of it is trusted before `verifySignature` has returned. */
export interface CompactJws {
  readonly header: JsonObject;
  readonly payload: JsonObject;
  readonly algorithm: Algorithm;
  /** `header.payload` as it was signed. */
  readonly signingInput: string;
  readonly signature: Buffer;
}

/**
 * Reads a compact JWS whose payload is a JSON object: three parts in their one base64url spelling, JSON that can be read in one way only,
 * an asymmetric algorithm of RFC 7518, no `crit` and no `b64` (RFC 7515 §4.1.11, RFC 7797: none is understood here).
 * Throws `TOKEN_MALFORMED` or `TOKEN_ALGORITHM_REFUSED`.
 */
export function parseCompactJws(token: string): CompactJws {
  if (token.length > LIMITS.tokenBytes.value) throw malformed('it is larger than the limit');
  const [headerText, payloadText, signatureText, more] = token.split('.', 4);
  if (headerText === undefined || payloadText === undefined || signatureText === undefined || more !== undefined)
    throw malformed('it has not three parts');
  const header = readPart(headerText);
  const algorithm = findAlgorithm(header.alg);
  // Before anything else is looked at (JWT-SVID §2.1).
  if (algorithm === undefined)
    throw new Fault('TOKEN_ALGORITHM_REFUSED', 'the token is signed by an algorithm that is not accepted');
  if (header.crit !== undefined || header.b64 !== undefined) throw malformed('its header asks for an extension');
  const signature = decodeBase64url(signatureText);
  if (signature === undefined || signature.length === 0) throw malformed('its signature is missing or malformed');
  return {
    header,
    payload: readPart(payloadText),
    algorithm,
    signingInput: `${headerText}.${payloadText}`,
    signature,
  };
}

/** Verifies the signature by a key whose kind and curve are those of the algorithm (RFC 7518 §3). Throws `TOKEN_SIGNATURE_INVALID`. */
export function verifySignature(jws: CompactJws, key: VerifyingKey): void {
  if (!fitsAlgorithm(jws.algorithm, key) || !isSigned(jws, key.key)) throw badSignature();
}

/** As `verifySignature`; the arithmetic is done off the main thread. */
export function verifySignatureInPool(jws: CompactJws, key: VerifyingKey): Promise<void> {
  if (!fitsAlgorithm(jws.algorithm, key)) return Promise.reject(badSignature());
  const { algorithm, signingInput, signature } = jws;
  return new Promise((resolve, reject) => {
    verify(algorithm.hash, Buffer.from(signingInput), options(algorithm, key.key), signature, (error, valid) =>
      error === null && valid ? resolve() : reject(badSignature(error)),
    );
  });
}

function badSignature(cause: unknown = null): Fault {
  const text = 'the signature of the token does not verify';
  return new Fault('TOKEN_SIGNATURE_INVALID', text, cause === null ? {} : { cause });
}

/** `header.payload` of a token about to be signed. */
export function encodeSigningInput(header: object, payload: object): string {
  return `${encodePart(header)}.${encodePart(payload)}`;
}

function isSigned({ algorithm, signingInput, signature }: CompactJws, key: KeyObject): boolean {
  try {
    return verify(algorithm.hash, Buffer.from(signingInput), options(algorithm, key), signature);
  } catch {
    return false;
  }
}

type VerifyOptions = Exclude<Parameters<typeof verify>[2], KeyObject | string | Buffer>;

function options({ kind }: Algorithm, key: KeyObject): VerifyOptions {
  switch (kind) {
    case 'ec':
      // RFC 7518 §3.4: R and S side by side, each as long as the curve; a signature of another length never verifies.
      return { key, dsaEncoding: 'ieee-p1363' };
    case 'rsa':
      return { key, padding: constants.RSA_PKCS1_PADDING };
    case 'rsa-pss':
      // RFC 7518 §3.5: the salt is as long as the hash.
      return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  }
}

function readPart(text: string): JsonObject {
  const bytes = decodeBase64url(text);
  if (bytes === undefined) throw malformed('a part is not base64url');
  try {
    const value = readJson(bytes);
    if (isJsonObject(value)) return value;
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw malformed('a part cannot be read in one way only', cause);
  }
  throw malformed('a part is no JSON object');
}

function encodePart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function malformed(rule: string, cause?: unknown): Fault {
  return new Fault('TOKEN_MALFORMED', `the token is not well-formed: ${rule}`, cause === undefined ? {} : { cause });
}
