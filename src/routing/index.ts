export { type AuthService, type ExternalAuth, findAuthService, parseAuthService } from './auth-service.ts';
export { Gcra, type GcraOptions } from './gcra.ts';
export { type Claims, compileHeaderTemplate, type HeaderTemplate } from './header-template.ts';
export { injectedNames, type JwtDemand, parseMapping, type Route } from './mapping.ts';
export { type RouteQuestion, RouteTable, rewritePath } from './route-table.ts';
export type { SpecProblem } from './spec-reader.ts';
