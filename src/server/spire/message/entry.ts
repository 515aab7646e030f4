import { LIMITS } from '#kernel';
import type { EntryFilter, HeldEntry } from '#registry';
import type { EntryResource } from '#wire';
import type { CountEntriesRequest_Filter } from '#wire/gen/spire/api/server/entry';
import { Entry, type EntryMask } from '#wire/gen/spire/api/types';
import { encodeId, invalid, parseMemberId, parseTrustDomainName, parseWorkloadId } from './ids.ts';
import { masked, names } from './mask.ts';
import { encodeSelector, federatesWithMatch, parseSelectors, selectorMatch } from './selectors.ts';

const EMPTY = Entry.decode(new Uint8Array());

export function encodeEntry({ body, revision }: HeldEntry, mask?: EntryMask): Entry {
  const message: Entry = {
    id: body.id,
    spiffeId: encodeId(body.spiffeId),
    parentId: encodeId(body.parentId),
    selectors: body.selectors.map(encodeSelector),
    x509SvidTtl: body.x509SvidTtlSeconds ?? 0,
    federatesWith: [...(body.federatesWith ?? [])],
    admin: body.admin === true,
    downstream: body.downstream === true,
    expiresAt: BigInt(body.expiresAt ?? 0),
    dnsNames: [...(body.dnsNames ?? [])],
    revisionNumber: BigInt(revision),
    storeSvid: body.storeSvid === true,
    jwtSvidTtl: body.jwtSvidTtlSeconds ?? 0,
    hint: body.hint ?? '',
    createdAt: BigInt(body.createdAt ?? 0),
    ...additionalAttributes(body),
  };
  return masked(message, mask, EMPTY);
}

function additionalAttributes({ disableX509SvidPrefetch, jwtSvidJti }: EntryResource): Partial<Entry> {
  if (disableX509SvidPrefetch !== true && jwtSvidJti !== true) return {};
  return {
    additionalAttributes: {
      disableX509SvidPrefetch: disableX509SvidPrefetch === true,
      jwtSvidIncludeJti: jwtSvidJti === true,
    },
  };
}

/**
 * The entry that a message asks for: its fields where the mask names them, `base`'s elsewhere, and what SPIRE's entries do not have
 * (owner, priority) as in `base`. Throws `ARGUMENT_INVALID`; the registry holds the rest of the rules.
 */
export function decodeEntry(
  trustDomain: string,
  message: Entry,
  options: { readonly id: string; readonly base?: EntryResource; readonly mask?: EntryMask },
): EntryResource {
  const { id, base, mask } = options;
  const has = (field: keyof EntryMask): boolean => base === undefined || names(mask, field);
  const selectors = has('selectors') ? parseSelectors(message.selectors, 'selectors') : (base?.selectors ?? []);
  if (selectors.length === 0) throw invalid('entry', 'selector list is empty');
  const next: Record<string, unknown> = {
    ...base,
    id,
    selectors,
    ...(has('spiffeId') ? { spiffeId: `${parseWorkloadId(trustDomain, message.spiffeId, 'spiffe ID')}` } : {}),
    ...(has('parentId') ? { parentId: `${parseMemberId(trustDomain, message.parentId, 'parent ID')}` } : {}),
    ...(has('x509SvidTtl') ? { x509SvidTtlSeconds: seconds(message.x509SvidTtl) } : {}),
    ...(has('jwtSvidTtl') ? { jwtSvidTtlSeconds: seconds(message.jwtSvidTtl) } : {}),
    ...(has('federatesWith')
      ? { federatesWith: message.federatesWith.map((name) => parseTrustDomainName(name, 'federated trust domain')) }
      : {}),
    ...(has('dnsNames') ? { dnsNames: message.dnsNames.map(parseDnsName) } : {}),
    ...(has('admin') ? { admin: flag(message.admin) } : {}),
    ...(has('downstream') ? { downstream: flag(message.downstream) } : {}),
    ...(has('storeSvid') ? { storeSvid: flag(message.storeSvid) } : {}),
    ...(has('expiresAt') ? { expiresAt: instant(message.expiresAt) } : {}),
    ...(has('hint') ? { hint: hint(message.hint) } : {}),
    ...(has('additionalAttributes')
      ? {
          disableX509SvidPrefetch: flag(message.additionalAttributes?.disableX509SvidPrefetch === true),
          jwtSvidJti: flag(message.additionalAttributes?.jwtSvidIncludeJti === true),
        }
      : {}),
  };
  for (const [field, value] of Object.entries(next)) if (value === undefined) delete next[field];
  // The registry parses it whole on its way in.
  return next as unknown as EntryResource;
}

export function decodeEntryFilter(trustDomain: string, filter: CountEntriesRequest_Filter | undefined): EntryFilter {
  if (filter === undefined) return {};
  const selectors = selectorMatch(filter.bySelectors);
  const federatesWith = federatesWithMatch(filter.byFederatesWith);
  return {
    ...(filter.bySpiffeId === undefined
      ? {}
      : { spiffeId: `${parseWorkloadId(trustDomain, filter.bySpiffeId, 'SPIFFE ID filter')}` }),
    ...(filter.byParentId === undefined
      ? {}
      : { parentId: `${parseMemberId(trustDomain, filter.byParentId, 'parent ID filter')}` }),
    ...(selectors === undefined ? {} : { selectors }),
    ...(federatesWith === undefined ? {} : { federatesWith }),
    ...(filter.byHint === undefined ? {} : { hint: filter.byHint }),
    // SPIRE's command line always sends it, and means by false: whether or not.
    ...(filter.byDownstream === true ? { downstream: true } : {}),
  };
}

/** Labels of letters, digits, hyphens and underscores; the first may be a star. Blanks and empty labels are refused. */
const DNS_NAME =
  /^(?=.{1,253}$)(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/;

export function parseDnsName(name: string): string {
  if (!DNS_NAME.test(name)) throw invalid('DNS name', 'it is no host name');
  return name;
}

const flag = (holds: boolean): true | undefined => (holds ? true : undefined);

function seconds(value: number): number | undefined {
  if (value < 0) throw invalid('entry', 'its lifetime is negative');
  return value === 0 ? undefined : value;
}

function instant(value: bigint): number | undefined {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('entry', 'its expiry is out of range');
  return value === 0n ? undefined : Number(value);
}

function hint(text: string): string | undefined {
  if (Buffer.byteLength(text) > LIMITS.entryHintBytes.value)
    throw invalid('hint', `it is too long, max length is ${LIMITS.entryHintBytes.value} characters`);
  return text === '' ? undefined : text;
}
