import type { IncomingMessage, ServerResponse } from 'node:http';
import { assertSingleFields, type CanonicalTarget, canonicalTarget, type Field, fieldsOf } from '#http';
import { Fault, isFault } from '#kernel';
import { type Cookie, parseCookies } from './cookies.ts';
import type { Link } from './link.ts';

/** A request that can be read in one way only. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly link: Link;
  readonly scheme: 'http' | 'https';
  readonly method: string;
  readonly target: CanonicalTarget;
  readonly fields: readonly Field[];
  readonly cookies: readonly Cookie[];
  /** Address of the peer of the connection. */
  readonly address: string;
}

export interface RawArrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly link: Link;
  readonly scheme: 'http' | 'https';
}

/** Ids that a client sent are kept beside the chain, as what somebody said. */
const UNTRUSTED = ['x-request-id', 'traceparent'];

/** Reads a request. Throws `REQUEST_AMBIGUOUS` or `REQUEST_CREDENTIALS_DOUBLED`. */
export function receive(raw: RawArrival): Arrival {
  const { request, link } = raw;
  const method = request.method ?? '';
  const fields = fieldsOf(request.rawHeaders);
  link.note({ action: method, ...untrustedIds(fields) });
  const hosts = valuesOf(fields, 'host');
  const target = readTarget(request.url ?? '', hosts, raw.scheme);
  link.note({ resource: target.path });
  assertSingleFields(fields);
  const cookies = parseCookies(valuesOf(fields, 'cookie'));
  return { ...raw, method, target, fields, cookies, address: request.socket.remoteAddress ?? 'unknown' };
}

export function findValue(fields: readonly Field[], name: string): string | undefined {
  return valuesOf(fields, name)[0];
}

/** Whether a person looks at the answer: a page that is opened, not what a script asks for. */
export function isNavigation({ method, fields }: Pick<Arrival, 'method' | 'fields'>): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  const mode = findValue(fields, 'sec-fetch-mode');
  if (mode !== undefined && mode !== 'navigate') return false;
  return (findValue(fields, 'accept') ?? '').includes('text/html');
}

/**
 * Refuses what another site's page makes a browser do: the session's cookie is `SameSite=Lax`, and sites share more than origins do.
 * Throws `REQUEST_CROSS_SITE`.
 */
export function assertSameOrigin({ method, fields, target }: Arrival, strict = false): void {
  if (!strict && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS')) return;
  const origin = findValue(fields, 'origin');
  const site = findValue(fields, 'sec-fetch-site');
  const foreign = origin !== undefined && origin.toLowerCase().replace(/^https?:\/\//, '') !== target.authority;
  if (
    foreign ||
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (strict && origin === undefined && site !== 'same-origin')
  )
    throw new Fault('REQUEST_CROSS_SITE', 'the request comes from a page of another site');
}

function readTarget(url: string, hosts: readonly string[], scheme: 'http' | 'https'): CanonicalTarget {
  try {
    return canonicalTarget({ target: url, hosts, scheme });
  } catch (error) {
    throw isFault(error) ? error : new Fault('REQUEST_AMBIGUOUS', 'the request cannot be read', { cause: error });
  }
}

function valuesOf(fields: readonly Field[], name: string): readonly string[] {
  return fields.filter((field) => field.name.toLowerCase() === name).map(({ value }) => value);
}

function untrustedIds(fields: readonly Field[]): { readonly detail?: Readonly<Record<string, unknown>> } {
  const said = UNTRUSTED.flatMap((name) => {
    const value = findValue(fields, name);
    return value !== undefined && /^[\w.-]{1,128}$/.test(value) ? [[name, value] as const] : [];
  });
  return said.length === 0 ? {} : { detail: { untrusted: Object.fromEntries(said) } };
}
