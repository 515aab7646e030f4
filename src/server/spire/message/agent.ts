import type { AgentFilter, AgentRecord } from '#registry';
import type { CountAgentsRequest_Filter } from '#wire/gen/spire/api/server/agent';
import { Agent, type AgentMask, type X509SVID } from '#wire/gen/spire/api/types';
import { encodeId, invalid } from './ids.ts';
import { masked } from './mask.ts';
import { encodeSelector, selectorMatch } from './selectors.ts';

const EMPTY = Agent.decode(new Uint8Array());

export function encodeAgent(agent: AgentRecord, mask?: AgentMask): Agent {
  const message: Agent = {
    id: encodeId(agent.id),
    attestationType: agent.attestationType,
    x509svidSerialNumber: agent.serial === '' ? '' : BigInt(`0x${agent.serial}`).toString(),
    x509svidExpiresAt: BigInt(Math.floor(agent.expiresAt / 1000)),
    selectors: agent.selectors.map(encodeSelector),
    banned: agent.banned,
    canReattest: agent.canReattest,
    agentVersion: agent.version ?? '',
  };
  return masked(message, mask, EMPTY);
}

/** Throws `ARGUMENT_INVALID`. */
export function decodeAgentFilter(filter: CountAgentsRequest_Filter | undefined): AgentFilter {
  if (filter === undefined) return {};
  const selectors = selectorMatch(filter.bySelectorMatch);
  return {
    ...(filter.byAttestationType === '' ? {} : { attestationType: filter.byAttestationType }),
    ...(selectors === undefined ? {} : { selectors }),
    ...(filter.byBanned === undefined ? {} : { banned: filter.byBanned }),
    ...(filter.byCanReattest === undefined ? {} : { canReattest: filter.byCanReattest }),
    ...(filter.byExpiresBefore === '' ? {} : { expiresBefore: parseMoment(filter.byExpiresBefore) }),
  };
}

/** Go's layout `2006-01-02 15:04:05 -0700 -07`, as SPIRE's tools write it. */
const MOMENT = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) ([+-]\d{2})(\d{2}) [A-Za-z+-][A-Za-z0-9+-]{0,5}$/;

function parseMoment(text: string): number {
  const [, date, time, hours, minutes] = MOMENT.exec(text) ?? [];
  const millis = Date.parse(`${date}T${time}${hours}:${minutes}`);
  if (Number.isNaN(millis))
    throw invalid('expires before filter', 'it is not of the form 2006-01-02 15:04:05 -0700 -07');
  return millis;
}

export function encodeSvid(id: string, chain: readonly Buffer[], notAfterMillis: number, hint = ''): X509SVID {
  return { certChain: [...chain], id: encodeId(id), expiresAt: BigInt(Math.floor(notAfterMillis / 1000)), hint };
}
