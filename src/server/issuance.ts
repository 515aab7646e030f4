import type { Authority, IssuedToken } from '#authority';
import { publicJwk } from '#jws';
import { Fault, LIMITS, toFault } from '#kernel';
import type { AgentRecord, HeldEntry } from '#registry';
import { SpiffeId } from '#spiffe';
import type { EntryResource, TrustDomainResource } from '#wire';
import { verifyCertificateRequest } from '#x509';
import type { Noted } from './recorder.ts';
import type { State } from './state.ts';

const DEFAULT_SVID_SECONDS = 3600;
const DEFAULT_JWT_SVID_SECONDS = 300;

export interface IssueItem {
  readonly entryId: string;
  /** PKCS#10, DER; nothing but its key is used. */
  readonly csr: Uint8Array;
}

export interface JwtItem {
  readonly entryId: string;
  /** At least one. */
  readonly audience: readonly string[];
}

export interface WitItem {
  readonly entryId: string;
  /** SubjectPublicKeyInfo, DER, of the key that the holder will prove. */
  readonly publicKey: Uint8Array;
  /** Of RFC 7518: the only one that the holder may prove it with. */
  readonly signingAlgorithm: string;
}

export interface IssueFault {
  readonly fault: Fault;
}

export type IssueResult =
  | { readonly entry: EntryResource; readonly chain: readonly Buffer[]; readonly notAfter: number }
  | IssueFault;

export type TokenResult = ({ readonly entry: EntryResource } & IssuedToken) | IssueFault;

/** Of one item: what was made, and what its receipt says of it. */
interface Made<Result> {
  readonly result: Result;
  readonly action: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

interface Place {
  readonly entry: EntryResource;
  readonly authority: Authority;
  /** Of certificates and WIT-SVIDs, which live as long as those, as in SPIRE. */
  readonly lifetimeSeconds: number;
}

/** X509-SVIDs for entries that an agent serves, in the order asked. */
export function issueX509Svids(
  state: State,
  agent: AgentRecord,
  items: readonly IssueItem[],
): Promise<readonly IssueResult[]> {
  return issueEach(state, agent, items, async ({ csr }, { entry, authority, lifetimeSeconds }) => {
    const { spki } = await verifyCertificateRequest(csr);
    const { chain, serial, notAfter } = await authority.issueX509Svid({
      id: SpiffeId.parse(entry.spiffeId),
      publicKeySpki: spki,
      ttlSeconds: lifetimeSeconds,
      ...(entry.dnsNames === undefined ? {} : { dnsNames: entry.dnsNames }),
    });
    return { result: { entry, chain, notAfter }, action: 'x509-svid:issue', detail: { serial, ...ends(notAfter) } };
  });
}

/** JWT-SVIDs for entries that an agent serves, in the order asked. */
export function issueJwtSvids(
  state: State,
  agent: AgentRecord,
  items: readonly JwtItem[],
): Promise<readonly TokenResult[]> {
  return issueEach(state, agent, items, async ({ audience }, { entry, authority }) => {
    const issued = await authority.issueJwtSvid({
      id: SpiffeId.parse(entry.spiffeId),
      audience,
      ttlSeconds: entry.jwtSvidTtlSeconds ?? DEFAULT_JWT_SVID_SECONDS,
      jti: entry.jwtSvidJti === true,
    });
    const detail = { audience, kid: issued.kid, ...ends(issued.expiresAt * 1000) };
    return { result: { entry, ...issued }, action: 'jwt-svid:issue', detail };
  });
}

/** WIT-SVIDs for entries that an agent serves, in the order asked. */
export function issueWitSvids(
  state: State,
  agent: AgentRecord,
  items: readonly WitItem[],
): Promise<readonly TokenResult[]> {
  return issueEach(state, agent, items, async (item, { entry, authority, lifetimeSeconds }) => {
    const issued = await authority.issueWitSvid({
      id: SpiffeId.parse(entry.spiffeId),
      publicJwk: { ...publicJwk(item.publicKey), alg: item.signingAlgorithm },
      ttlSeconds: lifetimeSeconds,
    });
    const detail = { kid: issued.kid, ...ends(issued.expiresAt * 1000) };
    return { result: { entry, ...issued }, action: 'wit-svid:issue', detail };
  });
}

/**
 * An item that fails fails alone; the receipts of what was made are durable before any of it is given out. Throws `LIMIT_EXCEEDED`.
 */
async function issueEach<Item extends { readonly entryId: string }, Result>(
  state: State,
  agent: AgentRecord,
  items: readonly Item[],
  make: (item: Item, place: Place) => Promise<Made<Result>>,
): Promise<readonly (Result | IssueFault)[]> {
  if (items.length > LIMITS.issueBatch.value)
    throw new Fault('LIMIT_EXCEEDED', `at most ${LIMITS.issueBatch.value} identities are issued in one call`);
  const { trustDomain } = agent;
  const hosted = state.trustDomain(trustDomain);
  const domain = state.registry.find<TrustDomainResource>('TrustDomain', trustDomain, trustDomain);
  const noted: Noted[] = [];
  const results = await Promise.all(
    items.map(async (item) => {
      try {
        if (item.entryId === '') throw new Fault('ARGUMENT_INVALID', 'missing entry ID');
        const entry = assertServed(state.registry.findEntryOfAgent(agent, item.entryId));
        const lifetimeSeconds = entry.x509SvidTtlSeconds ?? domain?.x509SvidTtlSeconds ?? DEFAULT_SVID_SECONDS;
        const made = await make(item, { entry, authority: hosted.authority, lifetimeSeconds });
        state.registry.touch('Entry', trustDomain, entry.id);
        noted.push(receipt(agent, entry, made));
        return made.result;
      } catch (error) {
        return { fault: toFault(error) };
      }
    }),
  );
  if (noted.length > 0) await state.recorder.note(...noted);
  return results;
}

function assertServed(held: HeldEntry | undefined): EntryResource {
  if (held === undefined) throw new Fault('AGENT_NOT_AUTHORIZED', 'entry not found or not authorized');
  return held.body;
}

function receipt(agent: AgentRecord, entry: EntryResource, { action, detail }: Made<unknown>): Noted {
  return {
    kind: 'identity',
    trustDomain: agent.trustDomain,
    workload: entry.spiffeId,
    effect: 'allow',
    code: 'ALLOWED',
    action,
    proof: agent.alias ?? agent.id,
    detail: { ...detail, entry: entry.id },
  };
}

function ends(notAfter: number): { readonly notAfter: string } {
  return { notAfter: new Date(notAfter).toISOString() };
}
