import type { ServerResponse } from 'node:http';
import { isReasonCode, reasonCode } from '#chain';
import type { Fault } from '#kernel';

export interface Refusal {
  readonly fault: Fault;
  readonly id: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly status?: number;
}

/** A refused caller learns a code, a sentence and an id; nothing of rules, routes or other tenants. */
export function sendDenial(response: ServerResponse, { fault, id, headers = {}, status }: Refusal): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const code = isReasonCode(fault.code) ? fault.code : 'INTERNAL_ERROR';
  const body = JSON.stringify({ code, message: reasonCode(code).meaning, id });
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response
    .writeHead(status ?? reasonCode(code).http, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-hauberk-code': code,
      'x-content-type-options': 'nosniff',
    })
    .end(body);
}

export function sendJson(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response
    .writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    })
    .end(body);
}

/** See other (RFC 9110 §15.4.4) after a form, found (§15.4.3) for a page. */
export function sendRedirect(response: ServerResponse, location: string, status: 302 | 303 = 302): void {
  response
    .writeHead(status, { location, 'content-length': 0, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
    .end();
}
