import { Fault, LIMITS } from '#kernel';
import { isIdentityName, normalName } from './identity-names.ts';

/** A header field as it came: the name as the client spelt it. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** RFC 9110 §7.6.1, and those that old proxies treat alike. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'http2-settings', 'expect'],
]);

/** A client that nominates one of these for removal changes what the request means. */
const NEVER_NOMINATED: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'cookie',
]);

const CREDENTIALS = ['authorization', 'proxy-authorization', 'txn-token'];
const SINGLE = [
  'content-type',
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'origin',
  'sec-fetch-site',
  'sec-fetch-mode',
];

/** Of the names that only the edge may set, those that every proxy and tracer writes: they claim no identity. */
const ORDINARY =
  /^(?:authorization|x-request-id|x-correlation-id|traceparent|tracestate|baggage|x-b3(?:-.+)?|forwarded|x-forwarded(?:-.+)?|via|x-real-ip)$/;
const NAMES_TOLD = 16;

/** Names, as the client spelt them, by which it says who somebody is: they are stripped, and the first of them go into the receipt. */
export function claimedIdentities(fields: readonly Field[], injected: ReadonlySet<string>): readonly string[] {
  const claimed = fields.filter(({ name }) => isIdentityName(name, injected) && !ORDINARY.test(normalName(name)));
  return claimed.slice(0, NAMES_TOLD).map(({ name }) => name.slice(0, 64));
}

export function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name.toLowerCase());
}

/** `rawHeaders` of `node:http` as fields. */
export function fieldsOf(rawHeaders: readonly string[]): readonly Field[] {
  const fields: Field[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    fields.push({ name: rawHeaders[index] ?? '', value: rawHeaders[index + 1] ?? '' });
  return fields;
}

/** Throws `LIMIT_EXCEEDED`, and `REQUEST_CREDENTIALS_DOUBLED` or `REQUEST_AMBIGUOUS` where readers could disagree on which of several fields counts. */
export function assertSingleFields(fields: readonly Field[]): void {
  if (fields.length > LIMITS.headerFields.value)
    throw new Fault('LIMIT_EXCEEDED', 'the request has more fields than are read');
  const seen = new Set<string>();
  for (const { name, value } of fields) {
    const normal = normalName(name);
    if (seen.has(normal) && CREDENTIALS.includes(normal))
      throw new Fault('REQUEST_CREDENTIALS_DOUBLED', 'the request carries more than one credential');
    if (seen.has(normal) && SINGLE.includes(normal))
      throw new Fault('REQUEST_AMBIGUOUS', 'a field that may occur once occurs twice');
    if (normal === 'transfer-encoding' && value.toLowerCase() !== 'chunked')
      throw new Fault('REQUEST_AMBIGUOUS', 'no transfer coding but chunked is read');
    seen.add(normal);
  }
}

/**
 * What of the client's header may go on: hop-by-hop fields and those nominated by `Connection` are gone, and so is every name that only the edge
 * may set and every name that is not written in letters, digits and hyphens. Injection comes after this, so that nothing can take it back.
 */
export function forwardableFields(fields: readonly Field[], injected: ReadonlySet<string>): readonly Field[] {
  const nominated = nominatedNames(fields);
  return fields.filter(({ name }) => {
    const lower = name.toLowerCase();
    const plain = /^[a-z0-9-]+$/.test(lower);
    return (
      plain && lower !== 'host' && !HOP_BY_HOP.has(lower) && !nominated.has(lower) && !isIdentityName(lower, injected)
    );
  });
}

function nominatedNames(fields: readonly Field[]): ReadonlySet<string> {
  const nominated = new Set<string>();
  for (const { name, value } of fields) {
    if (name.toLowerCase() !== 'connection') continue;
    for (const token of value.split(',')) nominated.add(token.trim().toLowerCase());
  }
  for (const name of nominated)
    if (NEVER_NOMINATED.has(name))
      throw new Fault('REQUEST_AMBIGUOUS', 'a field that frames the request is nominated away');
  return nominated;
}
