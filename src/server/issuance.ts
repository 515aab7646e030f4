import { Fault, toFault } from '#kernel';
import type { AgentRecord, HeldEntry } from '#registry';
import { SpiffeId } from '#spiffe';
import type { EntryResource, TrustDomainResource } from '#wire';
import { parseCertificateRequest } from '#x509';
import type { Noted } from './recorder.ts';
import type { State } from './state.ts';

const DEFAULT_SVID_SECONDS = 3600;

export interface IssueItem {
  readonly entryId: string;
  /** PKCS#10, DER; nothing but its key is used. */
  readonly csr: Uint8Array;
}

export type IssueResult =
  | { readonly entry: EntryResource; readonly chain: readonly Buffer[]; readonly notAfter: number }
  | { readonly fault: Fault };

/**
 * X509-SVIDs for entries that an agent serves, in the order asked. One that fails fails alone; the receipts of those that were made are
 * durable before any of them is given out.
 */
export async function issueX509Svids(
  state: State,
  agent: AgentRecord,
  items: readonly IssueItem[],
): Promise<readonly IssueResult[]> {
  const entries = new Map(state.registry.entriesOfAgent(agent).map((entry) => [entry.body.id, entry]));
  const results: IssueResult[] = [];
  const noted: Noted[] = [];
  await Promise.all(
    items.map(async (item, index) => {
      try {
        results[index] = await issueOne(state, agent, entries.get(item.entryId), { item, noted });
      } catch (error) {
        results[index] = { fault: toFault(error) };
      }
    }),
  );
  if (noted.length > 0) await state.recorder.note(...noted);
  return results;
}

async function issueOne(
  state: State,
  agent: AgentRecord,
  held: HeldEntry | undefined,
  { item, noted }: { readonly item: IssueItem; readonly noted: Noted[] },
): Promise<IssueResult> {
  if (held === undefined) throw new Fault('AGENT_NOT_AUTHORIZED', 'entry not found or not authorized');
  const { body: entry } = held;
  const { trustDomain } = agent;
  const { spki } = parseCertificateRequest(item.csr);
  const hosted = state.trustDomain(trustDomain);
  const domain = state.registry.find<TrustDomainResource>('TrustDomain', trustDomain, trustDomain);
  const issued = await hosted.authority.issueX509Svid({
    id: SpiffeId.parse(entry.spiffeId),
    publicKeySpki: spki,
    ttlSeconds: entry.x509SvidTtlSeconds ?? domain?.x509SvidTtlSeconds ?? DEFAULT_SVID_SECONDS,
    ...(entry.dnsNames === undefined ? {} : { dnsNames: entry.dnsNames }),
  });
  hosted.issued++;
  state.registry.touch('Entry', trustDomain, entry.id);
  noted.push({
    kind: 'identity',
    trustDomain,
    workload: entry.spiffeId,
    effect: 'allow',
    code: 'ALLOWED',
    action: 'x509-svid:issue',
    proof: agent.alias ?? agent.id,
    detail: { serial: issued.serial, notAfter: new Date(issued.notAfter).toISOString(), entry: entry.id },
  });
  return { entry, chain: issued.chain, notAfter: issued.notAfter };
}
