import { formatTraceparent } from '#chain';
import { forwardableFields } from '#http';
import type { Claims, Route } from '#routing';
import type { Arrival } from './arrival.ts';
import { foreignCookies } from './cookies.ts';

export interface Onward {
  readonly route: Route;
  /** Names that only the edge may set, in normal form. */
  readonly injected: ReadonlySet<string>;
  /** What an AuthService said. */
  readonly told: readonly (readonly [string, string])[];
  readonly tokens?: OnwardTokens;
}

export interface OnwardTokens {
  readonly txnToken: string;
  readonly internalJwt?: string;
  /** What the header templates of the route read. */
  readonly claims: Claims;
}

/** The header that a service gets: the client's, stripped, then ours over it, so that nothing of the client's survives under our names. */
export function onwardFields(arrival: Arrival, onward: Onward): Record<string, string | string[]> {
  const { route, injected, told, tokens } = onward;
  const headers: Record<string, string | string[]> = {};
  for (const { name, value } of forwardableFields(arrival.fields, injected)) {
    const lower = name.toLowerCase();
    if (lower === 'cookie' || route.removeRequestHeaders.has(lower)) continue;
    const before = headers[lower];
    headers[lower] = before === undefined ? value : [before, value].flat();
  }
  const cookies = foreignCookies(arrival.cookies);
  if (cookies !== '' && !route.removeRequestHeaders.has('cookie')) headers.cookie = cookies;
  for (const [name, value] of [...route.addRequestHeaders, ...told]) headers[name] = value;
  Object.assign(headers, forwardedFields(arrival), ownFields(arrival, route, tokens));
  for (const { name, value } of route.jwt?.injectRequestHeaders ?? []) {
    const text = tokens === undefined ? undefined : value(tokens.claims);
    if (text === undefined) delete headers[name.toLowerCase()];
    else headers[name.toLowerCase()] = text;
  }
  return headers;
}

/** What the edge itself knows of where the request came from. */
export function forwardedFields({ address, scheme, target }: Arrival): Record<string, string> {
  return { 'x-forwarded-for': address, 'x-forwarded-proto': scheme, 'x-forwarded-host': target.authority };
}

function ownFields({ link, target }: Arrival, route: Route, tokens: OnwardTokens | undefined): Record<string, string> {
  return {
    host: route.hostRewrite ?? target.authority,
    'x-request-id': link.txn,
    traceparent: formatTraceparent(link.txn, link.span),
    ...(tokens === undefined ? {} : { 'txn-token': tokens.txnToken }),
    ...(tokens?.internalJwt === undefined ? {} : { authorization: `Bearer ${tokens.internalJwt}` }),
  };
}
