export type { Decision, ReachRequest } from './decision.ts';
export { compileReach, type Reach } from './reach.ts';
