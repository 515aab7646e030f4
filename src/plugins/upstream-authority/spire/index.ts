export { SpireUpstreamAuthority, type SpireUpstreamOptions } from './spire-upstream-authority.ts';
