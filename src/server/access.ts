import { Fault, faultCode } from '#kernel';
import type { AgentRecord, Registry } from '#registry';
import type { VerifiedX509Svid } from '#spiffe';

/** Who calls the sync listener: a connection of one trust domain, with or without a verified agent SVID. */
export interface SyncCaller {
  /** The name that the client sent as SNI, which selected the server's certificate. */
  readonly trustDomain: string;
  /** Where the connection comes from. */
  readonly address?: string;
  /** Judges the certificate at this moment; throws when it is worth nothing. Absent for a client without one. */
  readonly peer?: () => VerifiedX509Svid;
}

type CallerClass = 'anyone' | 'agent';

/** The one table of who may call what. A method that is missing here is denied; a test holds it against the definition. */
export const ACCESS: Readonly<Record<string, CallerClass>> = {
  attest: 'anyone',
  attestNode: 'anyone',
  renew: 'agent',
  sync: 'agent',
  issueX509Svids: 'agent',
  issueJwtSvids: 'agent',
  issueWitSvids: 'agent',
  registerMinter: 'agent',
  reportReceipts: 'agent',
  reportApplied: 'agent',
};

/** Throws `TRUST_DOMAIN_INVALID` when a request names another trust domain than its connection. */
export function assertTrustDomain(caller: SyncCaller, named: string): void {
  if (named !== caller.trustDomain)
    throw new Fault('TRUST_DOMAIN_INVALID', 'the request is of another trust domain than its connection');
}

/**
 * `assertAgent` by a registry that may be behind: an agent that is not known, or not by this certificate, may have attested or renewed at another
 * server of the same store a moment ago, and is looked for once more.
 */
export async function currentAgent(
  method: string,
  caller: SyncCaller,
  registry: Pick<Registry, 'findAgent' | 'followAgents'>,
): Promise<AgentRecord> {
  const find = (id: string): AgentRecord | undefined => registry.findAgent(id);
  try {
    return assertAgent(method, caller, find);
  } catch (error) {
    if (faultCode(error) !== 'AGENT_NOT_ATTESTED' || caller.peer === undefined) throw error;
    await registry.followAgents(caller.trustDomain);
    return assertAgent(method, caller, find);
  }
}

/**
 * The agent behind a caller: known, not banned, and with a current certificate at this moment, whatever it was worth at the handshake.
 * Throws `AGENT_NOT_ATTESTED`, `AGENT_BANNED`.
 */
function assertAgent(
  method: string,
  { trustDomain, peer }: SyncCaller,
  find: (id: string) => AgentRecord | undefined,
): AgentRecord {
  if (ACCESS[method] !== 'agent') throw new Fault('AGENT_NOT_AUTHORIZED', 'this method is not open to agents');
  const verified = peer === undefined ? undefined : judge(peer);
  const agent = verified === undefined ? undefined : find(`${verified.id}`);
  if (verified === undefined || agent === undefined || agent.trustDomain !== trustDomain)
    throw new Fault('AGENT_NOT_ATTESTED', 'the agent has not attested');
  if (agent.banned) throw new Fault('AGENT_BANNED', 'the agent is banned');
  const { serial } = verified.leaf;
  // A copied key shows when two holders renew: only the last two certificates are current.
  if (serial !== agent.serial && serial !== agent.previousSerial)
    throw new Fault('AGENT_NOT_ATTESTED', 'the certificate of the agent is not its current one');
  return agent;
}

function judge(peer: () => VerifiedX509Svid): VerifiedX509Svid {
  try {
    return peer();
  } catch (cause) {
    throw new Fault('AGENT_NOT_ATTESTED', 'the certificate of the agent is not valid at this time', { cause });
  }
}
