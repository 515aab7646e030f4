import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import { isHopByHop } from '#http';
import { Fault, isFault } from '#kernel';
import type { Route } from '#routing';
import { isOwnCookie } from './cookies.ts';
import { type Cancellation, type Sending, send } from './send.ts';

export interface Forwarding {
  readonly pool: Pool;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: Route;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Ends the request before its time. */
  readonly cancellation: Cancellation;
  /** Called once, when the answer's head has come and before any of it goes on; what it throws ends the request. */
  readonly onHead: (status: number, headers: IncomingMessage['headers']) => void;
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const OWN_ANSWER: ReadonlySet<string> = new Set(['x-request-id', 'txn-token', 'traceparent']);

/**
 * Streams a request to a service and its answer back. Bodies are not held; their length is kept. Throws `UPSTREAM_UNAVAILABLE`,
 * `DEADLINE_EXCEEDED`, or the fault of the connection, as long as nothing of the answer has been sent; after that the connection is cut.
 */
export async function forward(forwarding: Forwarding): Promise<void> {
  const { request, response, route, cancellation } = forwarding;
  const timer = setTimeout(
    () => cancellation.cancel(new Fault('DEADLINE_EXCEEDED', 'the service did not answer in time')),
    route.timeoutMillis,
  );
  const gone = (): void => {
    if (!response.writableEnded) cancellation.cancel(new Fault('UPSTREAM_UNAVAILABLE', 'the client went away'));
  };
  response.once('close', gone);
  try {
    await sendAgain(forwarding, hasBody(request));
  } catch (error) {
    if (!response.headersSent) throw cancellation.reason ?? toUpstreamFault(error);
    response.destroy();
  } finally {
    clearTimeout(timer);
    response.removeListener('close', gone);
  }
}

export function assertMethod(method: string): void {
  if (!METHODS.has(method)) throw new Fault('ARGUMENT_INVALID', 'no such method is forwarded');
}

/** A kept connection may have been closed by the service just as it was used: reading is asked once more. */
async function sendAgain(forwarding: Forwarding, hasBody: boolean): Promise<void> {
  const { pool, request, response, path, headers, onHead, route, cancellation } = forwarding;
  const method = methodOf(request);
  const sending: Sending = {
    ...{ pool, method, path, headers, response, body: hasBody ? request : null },
    answer: (status, answered) => {
      const head = answerHeaders(answered, route);
      onHead(status, answered);
      return head;
    },
  };
  try {
    await send(sending, cancellation);
  } catch (error) {
    const repeatable = !hasBody && (method === 'GET' || method === 'HEAD') && !response.headersSent;
    if (!repeatable || cancellation.reason !== undefined || !isLostConnection(error)) throw error;
    await send(sending, cancellation);
  }
}

function answerHeaders(answered: IncomingMessage['headers'], route: Route): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(answered)) {
    if (value === undefined || isHopByHop(name) || OWN_ANSWER.has(name) || route.removeResponseHeaders.has(name))
      continue;
    if (name === 'set-cookie') out[name] = [value].flat().filter((one) => !namesOurCookie(one));
    else out[name] = value;
  }
  for (const [name, value] of route.addResponseHeaders) out[name] = value;
  return out;
}

/** A service may neither set nor end a session of the edge. */
function namesOurCookie(line: string): boolean {
  return isOwnCookie(line.trimStart());
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function methodOf({ method = 'GET' }: IncomingMessage): Dispatcher.HttpMethod {
  assertMethod(method);
  return method as Dispatcher.HttpMethod;
}

function isLostConnection(error: unknown): boolean {
  const code: unknown = Object(error).code;
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE';
}

function toUpstreamFault(error: unknown): Fault {
  if (isFault(error)) return error;
  const cause: unknown = Object(error).cause;
  return isFault(cause)
    ? cause
    : new Fault('UPSTREAM_UNAVAILABLE', 'the service behind did not answer', { cause: error });
}
