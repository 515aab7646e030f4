import { type Clock, Fault, type Random, randomBase64url } from '#kernel';
import { SpiffeId } from '#spiffe';
import { type AgentFilter, passesAgentFilter } from './agent-filter.ts';
import type { AgentRecord, JoinToken } from './agent-record.ts';
import { agentLog, tokenLog, trustDomainOf } from './log-names.ts';
import type { LogCommitted } from './log-revision.ts';
import type { Logs } from './logs.ts';
import type { Change, PendingReceipt } from './store.ts';

/** What became of an agent; without a record it is gone. */
export interface AgentChange {
  readonly trustDomain: string;
  readonly id: string;
  readonly agent?: AgentRecord;
}

/** Receipts of what is about to be written, for the same transaction. */
export type AgentReceipts = () => readonly PendingReceipt[];

export interface AgentsOptions {
  readonly logs: Logs;
  readonly clock: Clock;
  readonly random: Random;
  /** Hands committed receipts on to the ledger. */
  readonly delivered: (receipts: readonly PendingReceipt[]) => Promise<void>;
}

const NONE: AgentReceipts = () => [];

/** Nodes that attested, and the join tokens that let them. */
export class Agents {
  readonly #options: AgentsOptions;
  readonly #listeners = new Set<(change: AgentChange) => void>();

  constructor(options: AgentsOptions) {
    this.#options = options;
    options.logs.held.onCommit((committed) => this.#tell(committed));
  }

  find(id: string): AgentRecord | undefined {
    const trustDomain = trustDomainOf(id.slice('spiffe://'.length));
    return this.#find(trustDomain, id);
  }

  list(trustDomain: string, filter: AgentFilter = {}): readonly AgentRecord[] {
    const found: AgentRecord[] = [];
    for (const { body } of this.#options.logs.held.list(agentLog(trustDomain), 'Agent')) {
      const agent = body as AgentRecord;
      if (passesAgentFilter(agent, filter)) found.push(agent);
    }
    return found.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  count(trustDomain: string): number {
    return this.#options.logs.held.count(agentLog(trustDomain), 'Agent');
  }

  /** Calls back when an agent has attested, renewed, been banned or evicted, here or at another server. Returns how to stop. */
  onChange(listener: (change: AgentChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `assertAdmissible` is asked about the agent that stands there, if one does, in the same transaction. */
  async put(
    agent: AgentRecord,
    receipts = NONE,
    assertAdmissible: (present: AgentRecord | undefined) => void = () => {},
  ): Promise<void> {
    await this.#commit(agent.trustDomain, receipts, () => {
      assertAdmissible(this.#find(agent.trustDomain, agent.id));
      return [put(agent)];
    });
  }

  /**
   * Replaces an agent by what `change` makes of it, decided on its newest state; `undefined` evicts it. Throws `AGENT_NOT_ATTESTED` for an
   * unknown one.
   */
  async update(
    id: string,
    change: (agent: AgentRecord) => AgentRecord | undefined,
    receipts = NONE,
  ): Promise<AgentRecord | undefined> {
    let changed: AgentRecord | undefined;
    const trustDomain = trustDomainOf(id.slice('spiffe://'.length));
    await this.#commit(trustDomain, receipts, () => {
      const agent = this.#find(trustDomain, id);
      if (agent === undefined) throw new Fault('AGENT_NOT_ATTESTED', 'the agent has not attested');
      changed = change(agent);
      return [changed === undefined ? removal(id) : put(changed)];
    });
    return changed;
  }

  /** Evicts agents that expired before a moment (Unix milliseconds), banned ones and those that cannot attest again only where asked. Returns their ids. */
  async prune(
    trustDomain: string,
    expiredBefore: number,
    also: { readonly banned?: boolean; readonly unattestable?: boolean } = {},
    receipts: (ids: readonly string[]) => readonly PendingReceipt[] = () => [],
  ): Promise<readonly string[]> {
    let ids: readonly string[] = [];
    const pruned = (): readonly Change[] => {
      ids = this.list(trustDomain, { expiresBefore: expiredBefore })
        .filter((agent) => (also.banned === true || !agent.banned) && (also.unattestable === true || agent.canReattest))
        .map(({ id }) => id);
      return ids.map(removal);
    };
    await this.#commit(trustDomain, () => receipts(ids), pruned);
    return ids;
  }

  /** `token`: the caller's own choice of it. Throws `ALREADY_EXISTS` when it is taken. */
  async createJoinToken(
    trustDomain: string,
    ttlSeconds: number,
    alias: string | undefined,
    token: string = randomBase64url(this.#options.random, 24),
  ): Promise<JoinToken> {
    if (alias !== undefined && SpiffeId.parse(alias).trustDomain !== trustDomain)
      throw new Fault('ARGUMENT_INVALID', 'the alias of an agent is an id of its own trust domain');
    if (!/^[A-Za-z0-9._-]{1,255}$/.test(token))
      throw new Fault('ARGUMENT_INVALID', 'a join token has 1 to 255 characters of a-z A-Z 0-9 . _ -');
    const { logs, clock } = this.#options;
    const log = tokenLog(trustDomain);
    const expiresAt = clock.now() + ttlSeconds * 1000;
    const created: JoinToken = { token, trustDomain, expiresAt, ...(alias === undefined ? {} : { alias }) };
    await logs.commitTogether([log], () => {
      if (logs.held.find(log, 'JoinToken', token) !== undefined)
        throw new Fault('ALREADY_EXISTS', 'a join token of this name exists already');
      return {
        changes: new Map([[log, [...this.#expiredTokens(log), { kind: 'JoinToken', key: token, body: created }]]]),
      };
    });
    return created;
  }

  follow(trustDomain: string): Promise<void> {
    return this.#options.logs.follow(agentLog(trustDomain));
  }

  /** Throws `AGENT_TOKEN_INVALID`. */
  async peekJoinToken(trustDomain: string, token: string): Promise<JoinToken> {
    const { logs } = this.#options;
    const log = tokenLog(trustDomain);
    // Another server may have made it a moment ago.
    if (logs.held.find(log, 'JoinToken', token) === undefined) await logs.follow(log);
    return this.#liveToken(trustDomain, token);
  }

  #liveToken(trustDomain: string, token: string): JoinToken {
    const found = this.#options.logs.held.find(tokenLog(trustDomain), 'JoinToken', token)?.body as
      | JoinToken
      | undefined;
    if (found === undefined)
      throw new Fault('AGENT_TOKEN_INVALID', 'join token does not exist or has already been used');
    if (found.expiresAt <= this.#options.clock.now()) throw new Fault('AGENT_TOKEN_INVALID', 'join token expired');
    return found;
  }

  /** Uses the token and creates the agent in one transaction: of many callers one returns. Throws `AGENT_TOKEN_INVALID`. */
  async redeemJoinToken(token: string, agent: AgentRecord, receipts = NONE): Promise<void> {
    const { logs } = this.#options;
    const [tokens, agents] = [tokenLog(agent.trustDomain), agentLog(agent.trustDomain)];
    const { receipts: pending } = await logs.commitTogether([tokens, agents], () => {
      this.#liveToken(agent.trustDomain, token);
      const changes = new Map<string, readonly Change[]>([
        [tokens, [{ kind: 'JoinToken', key: token, body: null }]],
        [agents, [put(agent)]],
      ]);
      return { changes, receipts };
    });
    await this.#options.delivered(pending);
  }

  async #commit(trustDomain: string, receipts: AgentReceipts, plan: () => readonly Change[]): Promise<void> {
    const log = agentLog(trustDomain);
    const { receipts: pending } = await this.#options.logs.commitTogether([log], () => ({
      changes: new Map([[log, plan()]]),
      receipts,
    }));
    await this.#options.delivered(pending);
  }

  #find(trustDomain: string, id: string): AgentRecord | undefined {
    return this.#options.logs.held.find(agentLog(trustDomain), 'Agent', id)?.body as AgentRecord | undefined;
  }

  /** Tokens that nobody used leave with the next one that is made, a few at a time. */
  #expiredTokens(log: string): readonly Change[] {
    const now = this.#options.clock.now();
    const expired: Change[] = [];
    for (const { key, body } of this.#options.logs.held.list(log, 'JoinToken')) {
      if (expired.length === MAX_EXPIRED) break;
      if ((body as JoinToken).expiresAt + KEEP_EXPIRED_MILLIS <= now)
        expired.push({ kind: 'JoinToken', key, body: null });
    }
    return expired;
  }

  #tell({ log, changes }: LogCommitted): void {
    const trustDomain = trustDomainOf(log);
    if (log !== agentLog(trustDomain)) return;
    for (const { key: id, body } of changes) {
      const change = { trustDomain, id, ...(body === null ? {} : { agent: body as AgentRecord }) };
      for (const listener of this.#listeners) listener(change);
    }
  }
}

/** An expired token is kept for a while, so that its late user is told what is wrong. */
const KEEP_EXPIRED_MILLIS = 3_600_000;
const MAX_EXPIRED = 50;

function put(agent: AgentRecord): Change {
  return { kind: 'Agent', key: agent.id, body: agent };
}

function removal(id: string): Change {
  return { kind: 'Agent', key: id, body: null };
}
