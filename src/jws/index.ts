export { type Algorithm, findAlgorithm, fitsAlgorithm } from './algorithms.ts';
export { decodeBase64url } from './base64url.ts';
export {
  type CompactJws,
  encodeSigningInput,
  parseCompactJws,
  verifySignature,
  verifySignatureInPool,
} from './compact.ts';
export { joseSignature } from './ecdsa-signature.ts';
export { isKnownKeyType, type PublicJwk, publicJwk, readPublicJwk, type VerifyingKey, verifyingKey } from './jwk.ts';
