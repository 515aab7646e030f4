export { type CedarEngine, type CedarRequest, compileCedar } from './cedar/compile-cedar.ts';
export type { EntityJson } from './cedar/entities.ts';
export type { Decision, ReachRequest } from './decision.ts';
export { compileReach, findReachProblem, type Reach } from './reach.ts';
export type { PolicyProblem } from './refusal.ts';
