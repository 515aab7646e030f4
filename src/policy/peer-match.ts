import { refused } from './refusal.ts';
import { type Matcher, stringMatch } from './string-match.ts';

const SCHEME = 'spiffe://';

/**
 * Tests of the peer's SPIFFE ID. Istio writes principals without `spiffe://`; written with it they would never match there, so that a DENY would be
 * open: refused here.
 */
export function principalMatch(pattern: string): Matcher {
  if (pattern.startsWith(SCHEME))
    throw refused('a principal written with spiffe://, which never matches', `"${pattern.slice(SCHEME.length)}"`);
  const match = stringMatch(pattern);
  return (id) => match(id?.startsWith(SCHEME) === true ? id.slice(SCHEME.length) : undefined);
}

/** `namespaces` look at the `/ns/<namespace>/` part of the id, in whatever trust domain; a star anywhere stands for any characters. */
export function namespaceMatch(pattern: string): Matcher {
  const literals = `/ns/${pattern}/`.split('*');
  return (id) => {
    let from = 0;
    for (const literal of literals) {
      const found = id?.indexOf(literal, from) ?? -1;
      if (found < 0) return false;
      from = found + literal.length;
    }
    return true;
  };
}

/** `trustDomains`: the name, or a pattern with one star at one end. */
export function trustDomainMatch(pattern: string): Matcher {
  if (pattern.includes('/') || pattern.slice(1, -1).includes('*'))
    throw refused('a trust domain that is none', 'a trust domain name, with a star at one end at most');
  const match = stringMatch(pattern);
  return (id) => match(id?.startsWith(SCHEME) === true ? /^([^/]+)\//.exec(id.slice(SCHEME.length))?.[1] : undefined);
}

/**
 * `serviceAccounts`: `<namespace>/<name>`, or `<name>` in the policy's own namespace, in whatever trust domain: `/ns/<namespace>/…/sa/<name>`, with
 * further segments before, between and after.
 */
export function serviceAccountMatch(pattern: string, ownNamespace: string): Matcher {
  const parts = pattern.split('/');
  const [namespace, name] = parts.length === 1 ? [ownNamespace, parts[0]] : parts;
  if (parts.length > 2 || pattern.includes('*') || !namespace || !name)
    throw refused('a service account that is none', '<namespace>/<name> or <name>, without a star');
  return (id) => {
    if (id?.startsWith(SCHEME) !== true) return false;
    const segments = id.slice(SCHEME.length).split('/');
    const at = segments.findIndex((one, index) => index > 0 && one === 'ns' && segments[index + 1] === namespace);
    return at > 0 && segments.some((one, index) => index > at + 1 && one === 'sa' && segments[index + 1] === name);
  };
}
