import type { FetchInit, GuardedRequest, HandlerResponse } from 'hauberk/sdk';
import type { Seen } from './seen.ts';

export function answer(body: object, status = 200): HandlerResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

export const notFound = (): HandlerResponse => answer({ code: 'NOT_FOUND', message: 'no such object' }, 404);
export const badRequest = (message: string): HandlerResponse => answer({ code: 'ARGUMENT_INVALID', message }, 400);

/** Asks the service behind, in the user's name. */
export async function ask(request: GuardedRequest, url: string, init: FetchInit = {}): Promise<Behind> {
  const response = await request.fetch(url, init);
  const body: unknown = await response.json();
  const fields: Readonly<Record<string, unknown>> = Object(body);
  if (response.status < 400) return { ok: true, status: response.status, body: fields };
  // A refusal goes back as the service behind said it: code, sentence and id lead to the broken link.
  const code = response.headers['x-hauberk-code'];
  const refusal = answer(fields, response.status);
  const headers = { ...refusal.headers, ...(typeof code === 'string' ? { 'x-hauberk-code': code } : {}) };
  return { ok: false, refusal: { ...refusal, headers } };
}

export type Behind =
  | { readonly ok: true; readonly status: number; readonly body: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly refusal: HandlerResponse };

/** Hands on what the service behind answers, with what this one saw before it. */
export async function relay(
  request: GuardedRequest,
  own: Seen,
  url: string,
  init?: FetchInit,
): Promise<HandlerResponse> {
  const behind = await ask(request, url, init);
  if (!behind.ok) return behind.refusal;
  return answer({ ...behind.body, seen: [own, ...seenIn(behind.body)] }, behind.status);
}

export function seenIn(body: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Array.isArray(body.seen) ? body.seen : [];
}
