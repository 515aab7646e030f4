import { Fault } from '#kernel';
import { isTrustDomain, SpiffeId } from '#spiffe';
import type { SPIFFEID } from '#wire/gen/spire/api/types';

/** SPIFFE IDs of SPIRE's messages, parsed, and held to what each place asks. All throw `ARGUMENT_INVALID`; `what` names the field. */
export function parseMemberId(trustDomain: string, message: SPIFFEID | undefined, what: string): SpiffeId {
  const id = parse(message, what);
  if (id.trustDomain !== trustDomain) throw invalid(what, 'it is of another trust domain');
  if (id.path === '') throw invalid(what, 'it has no path');
  return id;
}

export function parseWorkloadId(trustDomain: string, message: SPIFFEID | undefined, what: string): SpiffeId {
  const id = parseMemberId(trustDomain, message, what);
  if (id.path === '/spire' || id.isUnder('/spire/')) throw invalid(what, 'its path is reserved for agents and servers');
  return id;
}

export function parseAgentId(trustDomain: string, message: SPIFFEID | undefined, what: string): SpiffeId {
  const id = parseMemberId(trustDomain, message, what);
  if (!id.isUnder('/spire/agent/')) throw invalid(what, 'it is no id of an agent');
  return id;
}

/** A trust domain's name, or a SPIFFE ID of it as some clients write it. */
export function parseTrustDomainName(text: string, what: string): string {
  const name = text.startsWith('spiffe://') ? parseText(text, what).trustDomain : text;
  if (name === '' || !isTrustDomain(name)) throw invalid(what, 'it is no name of a trust domain');
  return name;
}

export function encodeId(text: string): SPIFFEID {
  const { trustDomain, path } = SpiffeId.parse(text);
  return { trustDomain, path };
}

function parse(message: SPIFFEID | undefined, what: string): SpiffeId {
  if (message === undefined) throw invalid(what, 'it is missing');
  const trustDomain = parseTrustDomainName(message.trustDomain, what);
  const path = message.path === '' || message.path.startsWith('/') ? message.path : `/${message.path}`;
  return parseText(`spiffe://${trustDomain}${path}`, what);
}

function parseText(text: string, what: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (cause) {
    throw invalid(what, 'it is no SPIFFE ID', cause);
  }
}

export function invalid(what: string, rule: string, cause?: unknown): Fault {
  return new Fault('ARGUMENT_INVALID', `malformed ${what}: ${rule}`, cause === undefined ? {} : { cause });
}
