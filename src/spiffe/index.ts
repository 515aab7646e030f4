export { emptyBundle, type SpiffeBundle } from './bundle.ts';
export { parseBundleMap } from './bundle-map.ts';
export { type EndpointAddress, findEndpointAddress, parseEndpointAddress } from './endpoint-address.ts';
export { formatBundle, formatBundleMap, formatTokenBundle } from './format-bundle.ts';
export { type JwtSvidRequest, verifyJwtSvidRequest } from './jwt-request.ts';
export {
  JWT_SVID_LEEWAY_SECONDS,
  type JwtSvidProfile,
  type JwtSvidQuestion,
  jwtSvid,
  type VerifiedJwtSvid,
  verifyJwtSvid,
  verifyJwtSvidInPool,
  verifyMadeJwtSvid,
} from './jwt-svid.ts';
export { type ParsedBundle, parseBundle } from './parse-bundle.ts';
export { type PublishedKey, parseJwtBundle, parseWitBundle } from './published-keys.ts';
export { formatSelector, parseSelector, type Selector } from './selector.ts';
export { isSpiffeId, SpiffeId } from './spiffe-id.ts';
export { isTainted } from './tainted.ts';
export {
  type JwtBundle,
  type JwtBundleSet,
  jwtBundle,
  type TokenAuthorities,
  type WitBundle,
  type WitBundleSet,
  witBundle,
} from './token-bundle.ts';
export { isFileName, isTrustDomain, parseTrustDomain, type TrustDomain } from './trust-domain.ts';
export { verifyWitRequest, type WitRequest } from './wit-request.ts';
export { type VerifiedWitSvid, verifyWitSvid, type WitSvidProfile, type WitSvidQuestion, witSvid } from './wit-svid.ts';
export {
  verifyWorkloadProof,
  type WorkloadProofProfile,
  type WorkloadProofQuestion,
  workloadProof,
} from './workload-proof.ts';
export { parseX509Bundle, type X509Bundle, type X509BundleSet, x509Bundle } from './x509-bundle.ts';
export {
  type MadeX509Svid,
  type VerifiedX509Svid,
  verifyMadeX509Svid,
  verifyX509Svid,
  verifyX509SvidInPool,
  type X509Svid,
  type X509SvidQuestion,
} from './x509-svid.ts';
