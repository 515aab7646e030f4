export { formatSelector, parseSelector, type Selector, selectorsMatch } from './selector.ts';
export { isSpiffeId, SpiffeId } from './spiffe-id.ts';
export { isTrustDomain, parseTrustDomain, type TrustDomain } from './trust-domain.ts';
