export { type CanonicalTarget, canonicalPath, canonicalTarget, type RawTarget } from './canonical-target.ts';
export {
  assertSingleFields,
  claimedIdentities,
  type Field,
  fieldsOf,
  forwardableFields,
  isHopByHop,
} from './header-fields.ts';
export { isIdentityName, normalName } from './identity-names.ts';
export { faultOfParser, noTunnel, unmetExpectation } from './parser-fault.ts';
