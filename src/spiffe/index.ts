export { formatSelector, parseSelector, type Selector } from './selector.ts';
export { isSpiffeId, SpiffeId } from './spiffe-id.ts';
export { isTrustDomain, parseTrustDomain, type TrustDomain } from './trust-domain.ts';
export { parseX509Bundle, type X509Bundle, type X509BundleSet, x509Bundle } from './x509-bundle.ts';
export { type VerifiedX509Svid, verifyX509Svid, type X509Svid, type X509SvidQuestion } from './x509-svid.ts';
