import { Fault, isFault } from '#kernel';
import type { AgentRecord } from '#registry';
import type { VerifiedX509Svid } from '#spiffe';
import { operator } from '../api/operator.ts';
import type { PeerVerification } from '../peer-verification.ts';
import type { State } from '../state.ts';
import { accessOf, type CallerClass } from './access.ts';
import { findForeignAdmin, isAdmin } from './admin-ids.ts';
import type { SpireCaller } from './caller.ts';

/** A caller that may make this call, and as what. */
export interface Authorized {
  readonly trustDomain: string;
  readonly as: CallerClass;
  /** Who, for receipts. */
  readonly by: string;
  readonly address: string | undefined;
  readonly agent: AgentRecord | undefined;
  /** Of the agent's certificate. */
  readonly serial?: string;
}

/**
 * Judges a caller for one call: by the table of access, and by what its certificate is worth at this moment, whatever it was worth at the
 * handshake. Throws `CALLER_NOT_AUTHORIZED`, the reason that an agent must hear (`AGENT_EXPIRED`, `AGENT_NOT_ATTESTED`,
 * `AGENT_NOT_ACTIVE`, `AGENT_BANNED`), or what is wrong with the certificate.
 */
export async function authorize(
  state: State,
  caller: SpireCaller,
  service: string,
  method: string,
): Promise<Authorized> {
  const allow = accessOf(service, method)?.allow ?? [];
  const { trustDomain } = caller;
  if (caller.kind === 'local') {
    if (!allow.includes('local') && !allow.includes('any')) throw refused();
    return { trustDomain, as: 'local', by: operator(caller.credentials), address: undefined, agent: undefined };
  }
  const anonymous = { trustDomain, by: caller.address, address: caller.address, agent: undefined };
  if (caller.peer === undefined) {
    if (allow.includes('any')) return { ...anonymous, as: 'any' };
    throw allow.includes('agent') ? new Fault('AGENT_NOT_ATTESTED', 'the caller presented no certificate') : refused();
  }
  const foreign = allow.includes('admin') ? findForeignAdmin(state, trustDomain, caller.peer) : undefined;
  if (foreign !== undefined) return { ...anonymous, by: foreign, as: 'admin' };
  const { id, leaf } = verify(state, trustDomain, caller.peer);
  if (allow.includes('any')) return { ...anonymous, by: `${id}`, as: 'any' };
  const asEntry = (['admin', 'downstream'] as const).find(
    (flag) =>
      allow.includes(flag) &&
      (hasEntry(state, trustDomain, `${id}`, flag) || (flag === 'admin' && isAdmin(state, trustDomain, `${id}`))),
  );
  if (asEntry !== undefined) return { ...anonymous, by: `${id}`, as: asEntry };
  if (!allow.includes('agent') || !id.isUnder('/spire/agent/')) throw refused();
  caller.connection.isOf(`${id}`);
  const agent = await state.nodes.authorize(`${id}`, trustDomain, leaf.serial);
  return { ...anonymous, by: `${id}`, as: 'agent', agent, serial: leaf.serial };
}

function hasEntry(state: State, trustDomain: string, id: string, flag: 'admin' | 'downstream'): boolean {
  return state.registry.filterEntries(trustDomain, { spiffeId: id }).some(({ body }) => body[flag] === true);
}

function verify(state: State, trustDomain: string, peer: PeerVerification): VerifiedX509Svid {
  try {
    return peer.at(state.options.clock.now(), state.trustDomain(trustDomain));
  } catch (error) {
    // An agent attests again when it hears this, and only then.
    if (isFault(error) && error.code === 'PEER_CERTIFICATE_EXPIRED')
      throw new Fault('AGENT_EXPIRED', 'the certificate of the caller has expired', { cause: error });
    if (isFault(error) && error.code === 'PEER_CHAIN_UNTRUSTED')
      throw new Fault('AGENT_NOT_ACTIVE', 'the certificate of the caller does not chain to the bundle', {
        cause: error,
      });
    throw error;
  }
}

function refused(): Fault {
  return new Fault('CALLER_NOT_AUTHORIZED', 'this caller may not call this method');
}
