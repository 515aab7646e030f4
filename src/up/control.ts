import type { Receipt } from '#chain';
import { configFault, type LoadedDocument, type Problem } from '#config';
import { Fault, LIMITS } from '#kernel';
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import {
  AdminDefinition,
  type ApplyResponse_Problem,
  type ApplySetRequest,
  type StatusResponse_TrustDomainStatus,
} from '#wire/gen/hauberk_admin';
import { type StatusResponse_TrustDomain, SupervisorDefinition } from '#wire/gen/hauberk_agent';

/** The server's admin API, as `up` and the command line use it. */
export type AdminClient = ReturnType<typeof connectAdmin>;

export function connectAdmin(socketPath: string) {
  const answerBytes = LIMITS.operatorMessageBytes.value;
  const client = createClient(AdminDefinition, { dial: () => dialUnix(socketPath), answerBytes });
  return {
    /** Applies all or none. Throws `CONFIG_INVALID` with every problem, at its place where `places` says where a document stands. */
    apply: async (documents: readonly unknown[], { dryRun = false, places = [], as }: ApplyOptions = {}) => {
      const documentsJson = documents.map((document) => JSON.stringify(document));
      const { changes, problems, problemCount } = await (as === undefined
        ? client.apply({ documentsJson, dryRun })
        : client.applySet({ documentsJson, dryRun, ...as }));
      if (problems.length > 0)
        throw configFault(
          problems.map((problem) => placed(problem, places[problem.document])),
          'CONFIG_INVALID',
          problemCount,
        );
      return changes;
    },
    list: async (kind: string, trustDomain = '') => {
      const found: unknown[] = [];
      for await (const { documentsJson } of client.listAll({ kind, trustDomain }))
        for (const json of documentsJson) found.push(JSON.parse(json));
      return found;
    },
    remove: async (kind: string, trustDomain: string, key: string) =>
      (await client.delete({ kind, trustDomain, key })).revision,
    /** A join token whose agent is known by `spiffeId` too, and the bundle to verify the server with. */
    joinMaterial: async (
      trustDomain: string,
      spiffeId: string,
      ttlSeconds = JOIN_TOKEN_SECONDS,
    ): Promise<JoinMaterial> => {
      const { token } = await client.createJoinToken({ trustDomain, ttlSeconds, spiffeId });
      const { bundleJson } = await client.getBundle({ trustDomain });
      return { name: trustDomain, joinToken: token, bundle: JSON.parse(bundleJson) };
    },
    why: async (id: string): Promise<Explained> => {
      const { receiptsJson, explanation } = await client.why({ id });
      return { receipts: receiptsJson.map(parseReceipt), explanation };
    },
    receipts: async (filter: ReceiptFilter): Promise<readonly Receipt[]> => {
      const { limit, kind = '', effect = '' } = filter;
      return (await client.receipts({ limit, kind, effect })).receiptsJson.map(parseReceipt);
    },
    status: async (): Promise<ServerStatus> => client.status({}),
    /** Unix seconds of the last use of each entry, by its key. */
    entryUses: async (trustDomain: string): Promise<ReadonlyMap<string, number>> => {
      const { uses } = await client.uses({ trustDomain });
      return new Map(uses.flatMap((use) => (use.kind === 'Entry' ? [[use.key, Number(use.lastUsedAt)] as const] : [])));
    },
    bundle: async (trustDomain: string): Promise<unknown> =>
      JSON.parse((await client.getBundle({ trustDomain })).bundleJson),
    verifyLedger: async () => (await client.verifyLedger({})).logs,
    close: async () => client.close(),
  };
}

export interface ApplyOptions {
  readonly dryRun?: boolean;
  /** Where each document was read. */
  readonly places?: readonly Pick<LoadedDocument, 'file' | 'lineAt'>[];
  /** The documents are all of a set that is kept together under a name. */
  readonly as?: Omit<ApplySetRequest, 'documentsJson' | 'dryRun'>;
}

function placed(
  { path, expected, found, nearest, line }: ApplyResponse_Problem,
  place: Pick<LoadedDocument, 'file' | 'lineAt'> | undefined,
): Problem {
  const where = place && { file: place.file, line: place.lineAt(path, line === 0 ? undefined : line) };
  return { ...where, path, expected, found, ...(nearest === '' ? {} : { nearest }) };
}

/** Joining takes one round trip; a token that lies about for longer is of use to a thief only. */
const JOIN_TOKEN_SECONDS = 120;

export interface JoinMaterial {
  readonly name: string;
  readonly joinToken: string;
  readonly bundle: unknown;
}

export interface Explained {
  readonly receipts: readonly Receipt[];
  readonly explanation: readonly string[];
}

export interface ReceiptFilter {
  readonly limit: number;
  readonly kind?: string;
  readonly effect?: string;
}

export interface ServerStatus {
  readonly healthy: boolean;
  readonly trustDomains: readonly StatusResponse_TrustDomainStatus[];
  readonly syncAddress: string;
  /** Unix milliseconds. */
  readonly now: bigint;
  /** How far its wall clock was moved the last time, and how long ago. */
  readonly clockMovedMillis: bigint;
  readonly clockMovedSecondsAgo: bigint;
}

/** The agent's admin socket. */
export type SupervisorClient = ReturnType<typeof connectSupervisor>;

export function connectSupervisor(socketPath: string) {
  const client = createClient(SupervisorDefinition, { socketPath });
  return {
    register: async (pid: number, service: string): Promise<void> => {
      await client.register({ pid, service });
    },
    status: async (): Promise<AgentStatus> => client.status({}),
    provide: async ({ name, joinToken, bundle }: JoinMaterial): Promise<void> => {
      await client.provideJoinToken({ trustDomain: name, token: joinToken, bundleJson: JSON.stringify(bundle) });
    },
    explain: async (pid: number) => client.explain({ pid }),
    close: async () => client.close(),
  };
}

export interface AgentStatus {
  readonly healthy: boolean;
  readonly trustDomains: readonly StatusResponse_TrustDomain[];
}

/** Receipts come from the server over its admin socket: the fields that tables are made of are checked, the rest is shown. */
export function parseReceipt(json: string): Receipt {
  const value: unknown = JSON.parse(json);
  if (!isReceipt(value)) throw new Fault('ARGUMENT_INVALID', 'the server sent a receipt that is not one');
  return value;
}

function isReceipt(value: unknown): value is Receipt {
  if (typeof value !== 'object' || value === null) return false;
  const { id, txn, kind, effect, code, startedAt } = Object(value) as Record<string, unknown>;
  return [id, txn, kind, effect, code, startedAt].every((field) => typeof field === 'string');
}
