import type { IncomingMessage } from 'node:http';
import { formatTraceparent, newSpan, type RequestAuthority } from '#chain';
import type { Admitted } from './admit.ts';
import { bodyReader, parseBody } from './body.ts';
import type { Database } from './database.ts';
import type { FetchInit, FetchResponse } from './fetch.ts';
import { type GuardedResource, type GuardFacts, guard, guardFederated } from './guard.ts';
import type { ServeOptions } from './serve-options.ts';
import { type Facts, newReceipt } from './service-receipt.ts';
import { runTransaction, type Transaction } from './transaction.ts';

/** What a handler is given. */
export interface GuardedRequest {
  readonly method: string;
  /** In its canonical spelling, as policy judged it. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. Fields that say who someone is are there only when they were verified, or set by the edge that signed the user's token. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly authority: RequestAuthority;
  /** Aborted when the caller is gone, or caller or user are no longer let in. */
  readonly signal: AbortSignal;
  /** The body as text, within the limit. */
  text(): Promise<string>;
  json(): Promise<unknown>;
  /** Calls another service with this workload's identity and the user's Txn-Token, byte for byte as it came. */
  fetch(url: string, init?: FetchInit): Promise<FetchResponse>;
  /** The domain question, before anything is done. Rejects with `RESOURCE_NOT_PERMITTED`; leaves a receipt either way. */
  guard(action: string, resource: GuardedResource): Promise<void>;
  /** One transaction through the gate, in which the database shows the user's rows only. */
  transaction<T>(database: Database, work: (tx: Transaction) => Promise<T>): Promise<T>;
}

export interface Underway {
  readonly request: IncomingMessage;
  readonly facts: Facts;
  readonly signal: AbortSignal;
}

export function guardedRequest(options: ServeOptions, admitted: Admitted, underway: Underway): GuardedRequest {
  const { txn, method, target, headers } = admitted;
  const { request, facts, signal } = underway;
  const span = facts.span ?? newSpan(options.random);
  const traceparent = formatTraceparent(txn, span);
  const token = tokenOf(admitted);
  const onward: Record<string, string> = { traceparent, ...(token === undefined ? {} : { 'txn-token': token }) };
  const text = bodyReader(request);
  const authority = authorityOf(admitted);
  let query: URLSearchParams | undefined;
  return {
    ...{ method, path: target.path, headers, authority, signal, text },
    get query() {
      query ??= new URLSearchParams(target.search);
      return query;
    },
    json: async () => parseBody(await text()),
    fetch: (url, init = {}) =>
      options.fetch(url, {
        ...init,
        headers: { ...init.headers, ...onward },
        signal: init.signal === undefined ? signal : AbortSignal.any([init.signal, signal]),
      }),
    guard: async (action, resource) => {
      const report = options.reserve();
      const startedAt = new Date(options.clock.now()).toISOString();
      const { rule: _reach, ...link } = facts;
      const about = { ...link, kind: 'guard' as const, span: newSpan(options.random), parentSpan: span, startedAt };
      const note = (asked: GuardFacts): void => report(newReceipt(options, { ...about, ...asked }));
      const { allowances } = options.enforcement;
      guardFederated(() => allowances.assertAction(admitted.peer.id, action), action, resource, note);
      guard(options.enforcement.cedar(admitted.audience), authority, action, resource, note);
    },
    transaction: (database, work) => runTransaction(database, { token, traceparent }, work, signal),
  };
}

/** As it came: only after it was verified. */
function tokenOf({ user, headers }: Admitted): string | undefined {
  const carried = headers['txn-token'];
  return user.txnToken !== undefined && typeof carried === 'string' ? carried : undefined;
}

function authorityOf({ peer, user: { txnToken: token }, txn }: Admitted): RequestAuthority {
  const workload = peer.id.toString();
  if (token === undefined) return { workload, tenant: peer.id.trustDomain, txn };
  const { scope, roles, sessionId } = token;
  const user = { spiffeId: token.user.toString(), scope, roles, ...(sessionId === undefined ? {} : { sessionId }) };
  return { user, workload, tenant: token.tenant, txn };
}
