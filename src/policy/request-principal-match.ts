import { type Matcher, stringMatch } from './string-match.ts';

export interface RequestPrincipal {
  readonly iss: string;
  readonly sub: string;
}

export type RequestPrincipalMatcher = (principal: RequestPrincipal | undefined) => boolean;

/**
 * `requestPrincipals`, `<iss>/<sub>`: issuer and subject are tested each by itself, so that no issuer can stand in for another's subject. Istio splits
 * at the last slash, which no SPIFFE ID as subject can match; where the subject is written as one, the split is before it.
 */
export function requestPrincipalMatch(pattern: string): RequestPrincipalMatcher {
  const [iss, sub] = split(pattern);
  return (principal) => principal !== undefined && iss(principal.iss) && sub(principal.sub);
}

function split(pattern: string): readonly [iss: Matcher, sub: Matcher] {
  const present = stringMatch('*');
  if (pattern === '*') return [present, present];
  const subject = pattern.lastIndexOf('/spiffe://');
  const slash = subject > 0 ? subject : pattern.lastIndexOf('/');
  if (slash < 0) {
    if (pattern.startsWith('*')) return [present, stringMatch(pattern)];
    // Without a slash the subject would have to be empty, and none is.
    return pattern.endsWith('*') ? [stringMatch(pattern), present] : [() => false, () => false];
  }
  const [iss, sub] = [pattern.slice(0, slash), pattern.slice(slash + 1)];
  // One star at one end of the whole pattern is special; any other is a literal.
  if (pattern.startsWith('*')) return [stringMatch(iss), sub === '*' ? present : (value) => value === sub];
  return [(value) => value === iss, sub.startsWith('*') && sub !== '*' ? (value) => value === sub : stringMatch(sub)];
}
