import type { AgentRecord } from './agent-record.ts';
import { matchesSet, type SetMatch } from './entry-filter.ts';

/** Every field that is given must hold. */
export interface AgentFilter {
  readonly attestationType?: string;
  readonly selectors?: SetMatch;
  readonly banned?: boolean;
  readonly canReattest?: boolean;
  /** Unix milliseconds. */
  readonly expiresBefore?: number;
}

export function passesAgentFilter(agent: AgentRecord, filter: AgentFilter): boolean {
  if (filter.attestationType !== undefined && agent.attestationType !== filter.attestationType) return false;
  if (filter.banned !== undefined && agent.banned !== filter.banned) return false;
  if (filter.canReattest !== undefined && agent.canReattest !== filter.canReattest) return false;
  if (filter.expiresBefore !== undefined && agent.expiresAt >= filter.expiresBefore) return false;
  return filter.selectors === undefined || matchesSet(agent.selectors, filter.selectors);
}
