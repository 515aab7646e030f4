import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import {
  formatTraceparent,
  newSpan,
  newTxn,
  parentSpanOf,
  type Receipt,
  type RequestAuthority,
  reasonCode,
} from '#chain';
import { type VerifiedToken, verifyToken } from '#jwt';
import { type Clock, Fault, LIMITS, type Random, randomHex, toFault } from '#kernel';
import type { VerifiedX509Svid } from '#spiffe';
import { pemCertificates } from '#x509';
import { bodyReader, parseBody } from './body.ts';
import type { Database } from './database.ts';
import { codeOf, denialBody } from './denial.ts';
import type { Enforcement } from './enforcement.ts';
import type { FetchInit, FetchResponse } from './fetch.ts';
import { type GuardedResource, guard } from './guard.ts';
import type { Identity } from './identity.ts';
import { peerChain } from './peer-chain.ts';
import { assertSingleFields } from './single-fields.ts';
import { runTransaction, type Transaction } from './transaction.ts';

export interface GuardedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. Identity headers are the caller's word: `authority` is what was verified. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly authority: RequestAuthority;
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

export interface HandlerResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export type Handler = (request: GuardedRequest) => Promise<HandlerResponse>;

export interface ServeOptions {
  readonly identity: Identity;
  readonly enforcement: Enforcement;
  /** This service in the registry. */
  readonly self: () => { readonly namespace: string; readonly labels: Readonly<Record<string, string>> };
  /** Room for one receipt, taken before anything is done. Throws when there is none: then the answer is no. */
  readonly reserve: () => (receipt: Receipt) => void;
  readonly fetch: (url: string, init: FetchInit) => Promise<FetchResponse>;
  readonly clock: Clock;
  readonly random: Random;
}

const LINGER_MILLIS = 1000;

/**
 * An HTTPS server in which no request is read before its peer has proven an X509-SVID of a trusted trust domain, and no handler runs before the
 * user's token and the policy have been judged. Every request leaves a receipt.
 */
export function createGuardedServer(options: ServeOptions, handler: Handler): Server {
  const peers = new WeakMap<TLSSocket, Peer>();
  const server = createServer({
    ...secureContext(options.identity),
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_TICKET,
    maxHeaderSize: LIMITS.headerBytes.value,
  });
  const [serveHttp] = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    try {
      peers.set(socket, new Peer(options.identity, peerChain(socket)));
      serveHttp?.call(server, socket);
    } catch (error) {
      refuseConnection(options, socket, toFault(error));
    }
  });
  server.once(
    'close',
    options.identity.onChange(() => server.setSecureContext(secureContext(options.identity))),
  );
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const socket: unknown = request.socket;
    const peer = peers.get(socket as TLSSocket);
    void answer(options, handler, { request, response, peer });
  });
  return server;
}

/** The peer of one connection. Judged again when the bundles have changed: an authority that was taken away ends open connections too. */
class Peer {
  readonly #identity: Identity;
  readonly #chain: readonly Buffer[];
  #generation: number;
  #verified: VerifiedX509Svid;

  /** Throws `PEER_…`. */
  constructor(identity: Identity, chain: readonly Buffer[]) {
    this.#identity = identity;
    this.#chain = chain;
    this.#generation = identity.generation;
    this.#verified = identity.verify(chain, 'client');
  }

  /** Throws `PEER_…` when the peer would no longer be let in. */
  verify(now: number): VerifiedX509Svid {
    if (this.#generation !== this.#identity.generation) {
      this.#verified = this.#identity.verify(this.#chain, 'client');
      this.#generation = this.#identity.generation;
    }
    if (now >= this.#verified.notAfter)
      throw new Fault('PEER_CERTIFICATE_EXPIRED', 'the certificate of the connection has expired');
    return this.#verified;
  }
}

function secureContext(identity: Identity): { key: string | Buffer; cert: string } {
  const svid = identity.svid();
  return { key: svid.privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: pemCertificates(svid.chain) };
}

/** The peer is told the code and an id, and nothing is read from it. */
function refuseConnection(options: ServeOptions, socket: TLSSocket, fault: Fault): void {
  const receipt = newReceipt(options, { effect: 'deny', code: codeOf(fault), txn: newTxn(options.random) });
  leave(options, receipt);
  const body = denialBody(fault, receipt.id);
  const { http } = reasonCode(codeOf(fault));
  socket.on('error', () => socket.destroy());
  // What the peer sent is thrown away unread, or its arrival after the end would reset the connection before the answer is seen.
  socket.resume();
  socket.setTimeout(LINGER_MILLIS, () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${http} Denied\r\ncontent-type: application/json\r\nx-hauberk-code: ${fault.code}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** A denial stands whether or not there is room for its receipt. */
function leave(options: ServeOptions, receipt: Receipt): void {
  try {
    options.reserve()(receipt);
  } catch {
    // Full: the agent has been away for long, and what fails closed needs no receipt to be safe.
  }
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly peer: Peer | undefined;
}

async function answer(options: ServeOptions, handler: Handler, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const startedAt = options.clock.now();
  const start = options.clock.monotonic();
  const facts: { -readonly [K in keyof Receipt]?: Receipt[K] } = {
    txn: newTxn(options.random),
    span: newSpan(options.random),
  };
  const receiptOf = (change: Pick<Receipt, 'effect' | 'code'>): Receipt => {
    const durationUs = Math.round((options.clock.monotonic() - start) * 1000);
    return newReceipt(options, { ...facts, startedAt: new Date(startedAt).toISOString(), durationUs, ...change });
  };
  let report = (receipt: Receipt): void => leave(options, receipt);
  try {
    report = options.reserve();
    const guarded = await admit(options, exchange, facts);
    const result = await handler(guarded);
    response.writeHead(result.status ?? 200, { ...result.headers });
    report(receiptOf({ effect: 'allow', code: 'ALLOWED' }));
    response.end(result.body);
  } catch (error) {
    const fault = toFault(error);
    const receipt = receiptOf({ effect: 'deny', code: codeOf(fault) });
    report(receipt);
    request.resume();
    if (response.headersSent) response.destroy();
    else
      response
        .writeHead(reasonCode(codeOf(fault)).http, {
          'content-type': 'application/json',
          'x-hauberk-code': codeOf(fault),
        })
        .end(denialBody(fault, receipt.id));
  }
}

/** Peer → ambiguity → token → policy, in this order; the facts found so far are in the receipt of whatever fails. */
async function admit(
  options: ServeOptions,
  { request, peer: connection }: Exchange,
  facts: { -readonly [K in keyof Receipt]?: Receipt[K] },
): Promise<GuardedRequest> {
  const peer = connection?.verify(options.clock.now());
  if (peer === undefined) throw new Fault('PEER_CERTIFICATE_MISSING', 'no certificate was presented');
  Object.assign(facts, { peer: peer.id.toString(), proof: 'x509-svid' });
  assertSingleFields(request.rawHeaders);
  const audience = options.identity.svid().id.trustDomain;
  const token = await verifyTxnToken(options, request.headers['txn-token'], audience);
  if (token !== undefined)
    Object.assign(facts, {
      txn: token.txn,
      user: token.user.toString(),
      tenant: token.tenant,
      proof: 'x509-svid + txn-token',
    });
  const txn = facts.txn ?? newTxn(options.random);
  const parentSpan = parentSpanOf(request.headers.traceparent?.toString(), txn);
  if (parentSpan !== undefined) facts.parentSpan = parentSpan;
  const url = parseTarget(request.url);
  const method = request.method ?? 'GET';
  const decision = options.enforcement.reach(audience)?.decide({
    workload: options.self(),
    principal: peer.id.toString(),
    ...(token === undefined ? {} : { requestPrincipal: { iss: token.issuer, sub: token.user.toString() } }),
    method,
    path: url.pathname,
    ...(request.headers.host === undefined ? {} : { host: request.headers.host }),
    ...(request.socket.localPort === undefined ? {} : { port: request.socket.localPort }),
    headers: flat(request.headers),
  });
  if (decision === undefined) throw new Fault('POLICY_UNAVAILABLE', 'no policy has been received yet');
  if (decision.rule !== undefined) facts.rule = decision.rule;
  if (decision.effect === 'deny') throw new Fault(decision.code, reasonCode(decision.code).meaning);
  const span = facts.span ?? newSpan(options.random);
  const onward: Record<string, string> = { traceparent: formatTraceparent(txn, span) };
  const carried = request.headers['txn-token'];
  if (token !== undefined && typeof carried === 'string') onward['txn-token'] = carried;
  const text = bodyReader(request);
  const authority = newAuthority(peer, token, txn);
  return {
    method,
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    authority,
    text,
    json: async () => parseBody(await text()),
    fetch: (target, init = {}) => options.fetch(target, { ...init, headers: { ...init.headers, ...onward } }),
    guard: async (action, resource) => {
      const report = options.reserve();
      const startedAt = new Date(options.clock.now()).toISOString();
      const { rule: _reach, ...link } = facts;
      const about = { ...link, kind: 'guard' as const, span: newSpan(options.random), parentSpan: span, startedAt };
      guard(options.enforcement.cedar(audience), authority, action, resource, (asked) =>
        report(newReceipt(options, { ...about, ...asked })),
      );
    },
    transaction: (database, work) =>
      runTransaction(database, { token: onward['txn-token'], traceparent: formatTraceparent(txn, span) }, work),
  };
}

function newAuthority(peer: VerifiedX509Svid, token: VerifiedToken | undefined, txn: string): RequestAuthority {
  const workload = peer.id.toString();
  if (token === undefined) return { workload, tenant: peer.id.trustDomain, txn };
  const { scope, roles, sessionId } = token;
  const user = { spiffeId: token.user.toString(), scope, roles, ...(sessionId === undefined ? {} : { sessionId }) };
  return { user, workload, tenant: token.tenant, txn };
}

async function verifyTxnToken(
  options: ServeOptions,
  value: string | string[] | undefined,
  audience: string,
): Promise<VerifiedToken | undefined> {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new Fault('TOKEN_DUPLICATED', 'the request carries more than one token');
  const token = await verifyToken({
    token: value,
    kind: 'txn-token',
    audience,
    minters: (kid) => options.enforcement.minter(audience, kid),
    clock: options.clock,
  });
  const about = { user: token.user.toString(), session: token.sessionId, txn: token.txn };
  if (options.enforcement.isRevoked(audience, about, token.issuedAt))
    throw new Fault('TOKEN_REVOKED', 'the user, session or token has been revoked');
  return token;
}

function parseTarget(target: string | undefined): URL {
  try {
    return new URL(target ?? '/', 'https://service');
  } catch (cause) {
    throw new Fault('ARGUMENT_INVALID', 'the target of the request is no path', { cause });
  }
}

function flat(headers: IncomingMessage['headers']): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) out[name] = Array.isArray(value) ? value.join(',') : value;
  return out;
}

function newReceipt(options: ServeOptions, facts: Partial<Receipt> & Pick<Receipt, 'effect' | 'code'>): Receipt {
  const { id } = options.identity;
  return {
    id: randomHex(options.random, 16),
    txn: newTxn(options.random),
    span: newSpan(options.random),
    kind: 'service',
    trustDomain: id.trustDomain,
    workload: id.toString(),
    startedAt: new Date(options.clock.now()).toISOString(),
    durationUs: 0,
    ...facts,
  };
}
