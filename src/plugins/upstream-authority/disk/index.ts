export { DiskUpstreamAuthority, type DiskUpstreamOptions } from './disk-upstream-authority.ts';
