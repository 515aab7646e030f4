import { parseReportedReceipt, type Receipt, type ReceiptKind } from '#chain';
import { Fault, LIMITS } from '#kernel';
import type { AgentRecord } from '#registry';
import { bindService, QUESTION, type ServiceBinding } from '#rpc';
import { SpiffeId } from '#spiffe';
import { type MinterResource, partsOf, type TrustDomainResource, type WholeUpdate } from '#wire';
import {
  AgentSyncDefinition,
  type AttestNodeRequest,
  type AttestNodeResponse,
  type AttestResponse,
  type IssueJwtSvidsResponse_Result,
  type IssueX509SvidsResponse_Result,
  type SyncRequest,
  type SyncResponse,
} from '#wire/gen/hauberk_sync';
import { assertTrustDomain, currentAgent, type SyncCaller } from '../access.ts';
import { AgentView } from '../agent-view.ts';
import { attestNode, NODE_ATTESTATION } from '../attest-node.ts';
import { touchFederations } from '../federation-use.ts';
import { type IssueResult, issueJwtSvids, issueWitSvids, issueX509Svids, type TokenResult } from '../issuance.ts';
import type { AgentSvid } from '../nodes.ts';
import { Pulses } from '../pulses.ts';
import { registerMinter } from '../register-minter.ts';
import type { SharedUpdates } from '../shared-updates.ts';
import type { RateLimiter } from '../spire/rate-limiter.ts';
import type { State } from '../state.ts';
import type { AgentStream } from '../streams.ts';

const PROTOCOL_VERSION = 1;

/** `hauberk.sync.v1.AgentSync`: decode, ask the domain, encode. */
export function syncService(state: State, limiter: RateLimiter): ServiceBinding<SyncCaller> {
  const { registry } = state;
  const agentOf = async (method: string, caller: SyncCaller, named: string): Promise<AgentRecord> => {
    assertTrustDomain(caller, named);
    return currentAgent(method, caller, registry);
  };
  return bindService<typeof AgentSyncDefinition, SyncCaller>(
    AgentSyncDefinition,
    {
      attest: async (request, { caller, signal }) => {
        assertTrustDomain(caller, request.trustDomain);
        assertVersion(request.protocolVersion);
        await limiter.take('syncAttestation', caller.address ?? '', 1, signal);
        const { trustDomain, type, csr } = request;
        const payload = Buffer.from(request.payload);
        const challenge = async (): Promise<never> => {
          throw new Fault('ATTESTOR_UNKNOWN', 'this kind of node attestation asks questions, which this call cannot');
        };
        return toAttested(state, await state.nodes.attest({ trustDomain, type, payload, csr, challenge }, signal));
      },
      attestNode: async function* (requests, { caller, signal }) {
        await limiter.take('syncAttestation', caller.address ?? '', 1, signal);
        yield* attestByStream(state, caller, requests, signal);
      },
      renew: async (request, { caller }) => {
        const agent = await agentOf('renew', caller, request.trustDomain);
        const renewed = await state.nodes.renew(agent, caller.peer?.().leaf.serial ?? agent.serial, request.csr);
        return { certificateChain: [...renewed.chain], expiresAt: BigInt(renewed.agent.expiresAt / 1000) };
      },
      sync: (requests, { caller, signal }) => sync(state, requests, signal, (named) => agentOf('sync', caller, named)),
      issueX509Svids: async ({ trustDomain, items }, { caller }) => {
        const issued = await issueX509Svids(state, await agentOf('issueX509Svids', caller, trustDomain), items);
        return { results: issued.map(toResult) };
      },
      issueJwtSvids: async ({ trustDomain, items }, { caller }) => {
        const issued = await issueJwtSvids(state, await agentOf('issueJwtSvids', caller, trustDomain), items);
        return { results: issued.map(toTokenResult) };
      },
      issueWitSvids: async ({ trustDomain, items }, { caller }) => {
        const issued = await issueWitSvids(state, await agentOf('issueWitSvids', caller, trustDomain), items);
        return { results: issued.map(toTokenResult) };
      },
      registerMinter: async (request, { caller }) => {
        const agent = await agentOf('registerMinter', caller, request.callerTrustDomain);
        const entry = registry.findEntryOfAgent(agent, request.callerEntryId)?.body;
        if (entry === undefined || request.minter === undefined)
          throw new Fault('AGENT_NOT_AUTHORIZED', 'the agent does not serve this entry');
        const granting = registry.find<TrustDomainResource>(
          'TrustDomain',
          request.minter.trustDomain,
          request.minter.trustDomain,
        );
        const minter: MinterResource = registerMinter(granting, entry.spiffeId, request.minter, state.options.clock);
        await state.commit(
          minter.trustDomain,
          [{ kind: 'Minter', key: minter.kid, body: minter }],
          `${entry.spiffeId} by ${agent.alias ?? agent.id}`,
        );
        return { minterJson: JSON.stringify(minter) };
      },
      reportReceipts: async (request, { caller }) => {
        const agent = await agentOf('reportReceipts', caller, request.trustDomain);
        if (request.receiptsJson.length > LIMITS.receiptBatch.value)
          throw new Fault('LIMIT_EXCEEDED', 'too many receipts in one report');
        const receipts = request.receiptsJson.map((json) => parseReceipt(json, agent.trustDomain));
        const accepted = await state.ledger.append(receipts);
        touchFederations(registry, receipts);
        return { accepted };
      },
      reportApplied: async ({ trustDomain, applied }, { caller }) => {
        const agent = await agentOf('reportApplied', caller, trustDomain);
        if (applied.length > LIMITS.appliedPoints.value)
          throw new Fault('LIMIT_EXCEEDED', 'too many enforcement points in one report');
        for (const { spiffeId, points } of applied) {
          SpiffeId.parse(spiffeId);
          if (points > LIMITS.unixConnections.value)
            throw new Fault('LIMIT_EXCEEDED', 'more enforcement points than a node has connections');
        }
        state.streams.tell(agent.id, applied);
        return {};
      },
    },
    undefined,
    {
      methodLimits: {
        attest: NODE_ATTESTATION,
        attestNode: NODE_ATTESTATION,
        renew: QUESTION,
        sync: QUESTION,
        registerMinter: QUESTION,
      },
    },
  );
}

function toAttested(state: State, { agent, chain }: AgentSvid): AttestResponse {
  return {
    agentId: agent.id,
    certificateChain: [...chain],
    expiresAt: BigInt(agent.expiresAt / 1000),
    bundleJson: JSON.stringify(state.trustDomain(agent.trustDomain).bundle()),
  };
}

async function* attestByStream(
  state: State,
  caller: SyncCaller,
  requests: AsyncIterable<AttestNodeRequest>,
  signal: AbortSignal,
): AsyncGenerator<AttestNodeResponse> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const params = first.done === true ? undefined : first.value.params;
  if (params === undefined) throw new Fault('ARGUMENT_INVALID', 'missing params');
  assertTrustDomain(caller, params.trustDomain);
  assertVersion(params.protocolVersion);
  const { trustDomain, type, csr, payload } = params;
  const answer = async (): Promise<Uint8Array | undefined> => {
    const next = await iterator.next();
    return next.done === true ? undefined : next.value.challengeResponse;
  };
  const attestation = { trustDomain, type, csr, payload: Buffer.from(payload) };
  for await (const step of attestNode(state.nodes, attestation, answer, signal))
    yield 'challenge' in step
      ? { challenge: step.challenge, result: undefined }
      : { challenge: undefined, result: toAttested(state, step.svid) };
}

/** The agent's view at once, or what has changed in it since the agent was here, then what each commit changes in it; between, the pulse. */
async function* sync(
  state: State,
  requests: AsyncIterable<SyncRequest>,
  signal: AbortSignal,
  agentOf: (named: string) => Promise<AgentRecord>,
): AsyncGenerator<SyncResponse, void, undefined> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return;
  assertVersion(first.value.protocolVersion);
  const agent = await agentOf(first.value.trustDomain);
  // Before anything is opened that would have to be closed: it may have been removed while the agent was connected.
  const hosted = state.trustDomain(agent.trustDomain);
  let wake = (): void => {};
  const stream = state.streams.open(agent, () => wake());
  void acknowledge(iterator, stream);
  const view = new AgentView(state.registry, agent, () => stream.stir());
  const pulses = new Pulses(state.options.clock, state.health, hosted, () => wake());
  signal.addEventListener('abort', () => wake(), { once: true });
  const { updates } = state.streams;
  const send = first.value.takesParts
    ? (update: WholeUpdate) => inParts(update, updates, pulses)
    : (update: WholeUpdate) => [updates.responseOf({ ...update, more: false })];
  try {
    yield* send(view.first(first.value));
    while (!signal.aborted && !stream.isOver) {
      const update = view.next();
      if (update !== undefined) yield* send(update);
      const pulse = pulses.next();
      if (pulse !== undefined) yield { update: undefined, pulse };
      else if (update === undefined) await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    await pulses.close();
    view.close();
    stream.close();
  }
}

/** Each part is made when the one before has been taken off our hands: an agent that reads slowly has one of them waiting for it. */
function* inParts(update: WholeUpdate, updates: SharedUpdates, pulses: Pulses): Generator<SyncResponse> {
  for (const part of partsOf(update)) {
    yield updates.responseOf(part);
    const pulse = part.more ? pulses.next() : undefined;
    if (pulse !== undefined) yield { update: undefined, pulse };
  }
}

/** Later requests of the stream say what the agent has applied. */
async function acknowledge(iterator: AsyncIterator<SyncRequest>, stream: AgentStream): Promise<void> {
  try {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
      stream.acknowledge(next.value.revision);
  } catch {
    // The stream has ended; the other half notices too.
  }
}

function toResult(result: IssueResult): IssueX509SvidsResponse_Result {
  if ('fault' in result)
    return { code: result.fault.code, message: result.fault.message, certificateChain: [], expiresAt: 0n };
  return {
    code: '',
    message: '',
    certificateChain: [...result.chain],
    expiresAt: BigInt(result.notAfter / 1000),
  };
}

function toTokenResult(result: TokenResult): IssueJwtSvidsResponse_Result {
  if ('fault' in result)
    return { code: result.fault.code, message: result.fault.message, token: '', issuedAt: 0n, expiresAt: 0n };
  const { token, issuedAt, expiresAt } = result;
  return { code: '', message: '', token, issuedAt: BigInt(issuedAt), expiresAt: BigInt(expiresAt) };
}

function assertVersion(version: number): void {
  if (version !== PROTOCOL_VERSION) {
    throw new Fault('ARGUMENT_INVALID', `this server speaks version ${PROTOCOL_VERSION} of the protocol`, {
      details: { version },
    });
  }
}

/** A receipt as reported: the reporter's word under the agent's `via`. */
function parseReceipt(json: string, trustDomain: string): Receipt {
  const receipt = parseReportedReceipt(json, REPORTED_KINDS);
  if (receipt.trustDomain !== trustDomain) throw new Fault('ARGUMENT_INVALID', 'a receipt is of another trust domain');
  return receipt;
}

/** What nodes report. The other kinds are the server's own word: an agent that could report them could forge its records. */
const REPORTED_KINDS = new Set<ReceiptKind>(['edge', 'login', 'service', 'guard', 'database', 'workload-api']);
