import { Fault, LIMITS } from '#kernel';
import { orderLinks } from '#ledger';
import type { Registry } from '#registry';
import { bindService, type PeerCredentials, type ServiceBinding } from '#rpc';
import { RESOURCE_KINDS, type ResourceKind } from '#wire';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { applyDocuments } from '../apply.ts';
import { explain } from '../explain.ts';
import { inPages } from '../pages.ts';
import type { State } from '../state.ts';
import { operator } from './operator.ts';

const MAX_TOKEN_SECONDS = 24 * 3600;
const MAX_RECEIPTS = 1000;
const DOCUMENTS = { requestBytes: LIMITS.operatorMessageBytes.value };

/** `hauberk.admin.v1.Admin`: whoever may open the socket (mode 0770) is an operator. */
export function adminService(state: State, syncAddress: () => string): ServiceBinding<PeerCredentials> {
  const { registry, ledger } = state;
  return bindService<typeof AdminDefinition, PeerCredentials>(
    AdminDefinition,
    {
      apply: (request, { caller }) => applyDocuments({ state, by: operator(caller) }, request),
      applySet: async ({ pruneKind, ...request }, { caller }) => {
        if (request.set === '') throw new Fault('ARGUMENT_INVALID', 'the set has no name');
        const question = { ...request, onlyKind: pruneKind === '' ? '' : parseKind(pruneKind) };
        return applyDocuments({ state, by: operator(caller) }, request, question);
      },
      list: async ({ kind, trustDomain }) => {
        const found = registry.list<unknown>(parseKind(kind), trustDomain === '' ? undefined : trustDomain);
        return { documentsJson: found.map(({ body }) => JSON.stringify(body)) };
      },
      listAll: async function* ({ kind, trustDomain }) {
        const found = registry.list<unknown>(parseKind(kind), trustDomain === '' ? undefined : trustDomain);
        for (const documentsJson of inPages(found, ({ body }) => JSON.stringify(body), Buffer.byteLength))
          yield { documentsJson };
      },
      delete: async ({ kind, trustDomain, key }, { caller }) => {
        const { revision } = await state.commit(
          trustDomain,
          [{ kind: parseKind(kind), key, body: null }],
          operator(caller),
        );
        return { revision: BigInt(revision) };
      },
      createJoinToken: async ({ trustDomain, ttlSeconds, spiffeId }, { caller }) => {
        if (ttlSeconds <= 0 || ttlSeconds > MAX_TOKEN_SECONDS)
          throw new Fault('ARGUMENT_INVALID', 'a join token lives for 1 second to 24 hours');
        const token = await state.createJoinToken({
          trustDomain,
          ttlSeconds,
          alias: spiffeId === '' ? undefined : spiffeId,
          by: operator(caller),
        });
        return { token: token.token, expiresAt: BigInt(Math.floor(token.expiresAt / 1000)) };
      },
      getBundle: async ({ trustDomain }) => ({ bundleJson: JSON.stringify(state.trustDomain(trustDomain).bundle()) }),
      why: async ({ id }) => {
        const ordered = orderLinks(await ledger.transactionOf(id));
        if (ordered.length === 0) throw new Fault('NOT_FOUND', 'no receipt of this id');
        return {
          receiptsJson: ordered.map((receipt, seq) => JSON.stringify({ ...receipt, seq })),
          explanation: [...explain(ordered, registry)],
        };
      },
      receipts: async ({ limit, kind, effect }) => {
        const recent = await ledger.recent(Math.min(limit === 0 ? 100 : limit, MAX_RECEIPTS));
        const wanted = recent.filter(
          (receipt) => (kind === '' || receipt.kind === kind) && (effect === '' || receipt.effect === effect),
        );
        return { receiptsJson: wanted.map((receipt) => JSON.stringify(receipt)) };
      },
      status: async () => {
        const trustDomains = await Promise.all(
          state.hosted().map(async ({ name, authority }) => {
            const { receipts, ofKind } = await ledger.tally(name);
            const trouble = await state.troubleOf(name);
            return {
              name,
              revision: BigInt(registry.revision(name)),
              entries: registry.entryCount(name),
              agents: registry.agentCount(name),
              issued: BigInt(ofKind.identity ?? 0),
              receipts: BigInt(receipts),
              caExpiresAt: BigInt(Math.floor((authority.caNotAfter ?? 0) / 1000)),
              connected: state.streams.of(name).map(({ agent: { id, alias = '' }, acknowledged, at, points }) => {
                return { id, alias, acknowledged, acknowledgedAt: BigInt(at), points: [...points] };
              }),
              code: trouble?.code ?? '',
              reason: trouble?.message ?? '',
            };
          }),
        );
        const moved = state.health.clockMoved();
        return {
          healthy: trustDomains.every(({ code }) => code === '') && state.unopened().length === 0,
          trustDomains: [...trustDomains, ...state.unopened().map((one) => unopened(registry, one))],
          syncAddress: syncAddress(),
          now: BigInt(state.options.clock.now()),
          clockMovedMillis: BigInt(moved?.byMillis ?? 0),
          clockMovedSecondsAgo: BigInt(moved?.secondsAgo ?? 0),
        };
      },
      uses: async ({ trustDomain }) => {
        const uses = await registry.uses(state.trustDomain(trustDomain).name);
        return { uses: uses.map(({ kind, key, lastUsedAt }) => ({ kind, key, lastUsedAt: BigInt(lastUsedAt) })) };
      },
      verifyLedger: async () => {
        const logs = (await ledger.verify()).map(({ trustDomain, receipts, head, brokenAt }) => ({
          trustDomain,
          receipts: BigInt(receipts),
          head,
          code: brokenAt === undefined ? '' : 'LEDGER_CORRUPT',
          brokenAt: BigInt(brokenAt ?? 0),
        }));
        return { logs };
      },
    },
    undefined,
    { methodLimits: { apply: DOCUMENTS, applySet: DOCUMENTS } },
  );
}

/** What is known of a trust domain whose authority could not be opened yet. */
function unopened(
  registry: Registry,
  { name, fault: { code, message: reason } }: ReturnType<State['unopened']>[number],
) {
  return {
    name,
    revision: BigInt(registry.revision(name)),
    entries: registry.entryCount(name),
    agents: registry.agentCount(name),
    issued: 0n,
    receipts: 0n,
    caExpiresAt: 0n,
    connected: [],
    code,
    reason,
  };
}

function parseKind(kind: string): ResourceKind {
  const known = RESOURCE_KINDS.find((one) => one === kind);
  if (known === undefined) throw new Fault('ARGUMENT_INVALID', `kinds are ${RESOURCE_KINDS.join(', ')}`);
  return known;
}
