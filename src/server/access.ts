import { Fault } from '#kernel';
import type { AgentRecord } from '#registry';
import type { SpiffeId } from '#spiffe';

/** Who calls the sync listener: a connection of one trust domain, with or without a verified agent SVID. */
export interface SyncCaller {
  /** The name that the client sent as SNI, which selected the server's certificate. */
  readonly trustDomain: string;
  readonly peer?: {
    readonly id: SpiffeId;
    readonly serial: string;
    /** Of the certificates that it was verified by: milliseconds since the epoch. */
    readonly notAfter: number;
  };
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
};

/** Throws `TRUST_DOMAIN_INVALID` when a request names another trust domain than its connection. */
export function assertTrustDomain(caller: SyncCaller, named: string): void {
  if (named !== caller.trustDomain)
    throw new Fault('TRUST_DOMAIN_INVALID', 'the request is of another trust domain than its connection');
}

/**
 * The agent behind a caller: known, not banned, and with a current certificate at this moment, whatever it was worth at the handshake.
 * Throws `AGENT_NOT_ATTESTED`, `AGENT_BANNED`.
 */
export function assertAgent(
  method: string,
  { trustDomain, peer }: SyncCaller,
  now: number,
  find: (id: string) => AgentRecord | undefined,
): AgentRecord {
  if (ACCESS[method] !== 'agent') throw new Fault('AGENT_NOT_AUTHORIZED', 'this method is not open to agents');
  const agent = peer === undefined ? undefined : find(peer.id.toString());
  if (peer === undefined || agent === undefined || agent.trustDomain !== trustDomain)
    throw new Fault('AGENT_NOT_ATTESTED', 'the agent has not attested');
  if (agent.banned) throw new Fault('AGENT_BANNED', 'the agent is banned');
  if (now >= peer.notAfter) throw new Fault('AGENT_NOT_ATTESTED', 'the certificate of the agent has expired');
  // A copied key shows when two holders renew: only the last two certificates are current.
  if (peer.serial !== agent.serial && peer.serial !== agent.previousSerial)
    throw new Fault('AGENT_NOT_ATTESTED', 'the certificate of the agent is not its current one');
  return agent;
}
