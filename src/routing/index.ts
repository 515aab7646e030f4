export { type AuthService, type ExternalAuth, findAuthService, parseAuthService } from './auth-service.ts';
export { type CanonicalTarget, canonicalPath, canonicalTarget, type RawTarget } from './canonical-target.ts';
export { Gcra, type GcraOptions } from './gcra.ts';
export {
  assertSingleFields,
  claimedIdentities,
  type Field,
  fieldsOf,
  forwardableFields,
  isHopByHop,
  isIdentityName,
  normalName,
} from './header-fields.ts';
export { type Claims, compileHeaderTemplate, type HeaderTemplate } from './header-template.ts';
export { injectedNames, type JwtDemand, parseMapping, type Route } from './mapping.ts';
export { type RouteQuestion, RouteTable, rewritePath } from './route-table.ts';
