import type { IncomingMessage, ServerResponse } from 'node:http';
import { newSpan, newTxn, type Receipt, reasonCode } from '#chain';
import { Fault, toFault } from '#kernel';
import { type Admitted, admit } from './admit.ts';
import { codeOf, denialBody } from './denial.ts';
import { type GuardedRequest, guardedRequest } from './guarded-request.ts';
import type { Peer } from './peer.ts';
import type { ServeOptions } from './serve-options.ts';
import { type Facts, leaveDenial, newReceipt, noteFault } from './service-receipt.ts';
import type { UnderWay } from './under-way.ts';
import { assertUserStands } from './user-token.ts';

export interface HandlerResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export type Handler = (request: GuardedRequest) => Promise<HandlerResponse>;

/** One request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly peer: Peer | undefined;
}

/** Admits a request, runs the handler and answers; whatever fails is a denial. Every request leaves one receipt. */
export async function answer(
  options: Parameters<typeof admit>[0],
  handler: Handler,
  underWay: UnderWay,
  exchange: Exchange,
): Promise<void> {
  const { request, response, peer } = exchange;
  const facts: Facts = { txn: newTxn(options.random), span: newSpan(options.random) };
  const receiptOf = timedReceipts(options, facts);
  let report = (receipt: Receipt): void => leaveDenial(options, receipt);
  try {
    report = options.reserve();
    const admitted = await admit(options, request, peer, facts);
    const abort = new AbortController();
    response.once('close', () => {
      if (!response.writableEnded) abort.abort(new Fault('UPSTREAM_UNAVAILABLE', 'the caller is gone'));
    });
    const guarded = guardedRequest(options, admitted, { request, facts, signal: abort.signal });
    const judge = (): void => assertStillLetIn(options, admitted, peer);
    const result = await underWay.run(judge, () => handler(guarded), abort);
    response.writeHead(result.status ?? 200, { ...lengthOf(result), ...result.headers });
    report(receiptOf({ effect: 'allow', code: 'ALLOWED' }));
    response.end(result.body);
  } catch (error) {
    const fault = toFault(error);
    noteFault(facts, fault);
    const receipt = receiptOf({ effect: 'deny', code: codeOf(fault) });
    report(receipt);
    deny(exchange, fault, receipt.id);
  }
}

const WITHOUT_BODY = new Set([204, 304]);

/** A body that is known whole goes out with its length, never in chunks. */
function lengthOf({ status = 200, body = '' }: HandlerResponse): Record<string, number> {
  return WITHOUT_BODY.has(status) ? {} : { 'content-length': Buffer.byteLength(body) };
}

/** Caller and user, as if they came now. Policy is asked once a request. */
function assertStillLetIn({ enforcement }: ServeOptions, admitted: Admitted, peer: Peer | undefined): void {
  peer?.verify();
  const { txnToken, internalJwt } = admitted.user;
  for (const token of [txnToken, internalJwt])
    if (token !== undefined) assertUserStands(token, admitted.audience, enforcement);
}

function timedReceipts(options: ServeOptions, facts: Facts): (change: Pick<Receipt, 'effect' | 'code'>) => Receipt {
  const startedAt = new Date(options.clock.now()).toISOString();
  const start = options.clock.monotonic();
  return (change) => {
    const durationUs = Math.round((options.clock.monotonic() - start) * 1000);
    return newReceipt(options, { ...facts, startedAt, durationUs, ...change });
  };
}

/** What is left of a body is not read: then the connection ends with the answer. So it does for a peer that is no longer let in. */
function deny({ request, response }: Exchange, fault: Fault, id: string): void {
  request.resume();
  if (response.headersSent) return void response.destroy();
  const closing = !request.complete || codeOf(fault).startsWith('PEER_');
  const body = denialBody(fault, id);
  response
    .writeHead(reasonCode(codeOf(fault)).http, {
      'content-type': 'application/json',
      // A handler's header that could not be written leaves its length behind; another than the body's would desync the connection.
      'content-length': Buffer.byteLength(body),
      'x-hauberk-code': codeOf(fault),
      ...(closing ? { connection: 'close' } : {}),
    })
    .end(body);
}
