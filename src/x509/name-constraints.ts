import type { Certificate } from './certificate.ts';
import type { NameConstraints } from './extensions.ts';

/**
 * RFC 5280 §4.2.1.10 for the names that SVIDs have: URIs (by host) and DNS names. A constraint of another form refuses the path, for it
 * cannot be evaluated here.
 */
export function permitsNames(constraints: NameConstraints | undefined, certificate: Certificate): boolean {
  if (constraints === undefined) return true;
  if (constraints.otherForms) return false;
  const hosts = certificate.uriSans.map(hostOf);
  const uris = hosts.every(
    (host) => host !== undefined && allowed(host, constraints.permittedUris, constraints.excludedUris, matchesUri),
  );
  return (
    uris &&
    certificate.dnsNames.every(
      (name) => DNS_NAME.test(name) && allowed(name, constraints.permittedDns, constraints.excludedDns, matchesDns),
    )
  );
}

// Labels without blanks or control characters: a name that is none cannot be compared with a constraint.
const DNS_NAME = /^[!-\-/-~]+(?:\.[!-\-/-~]+)*$/;

type Matcher = (name: string, constraint: string) => boolean;

function allowed(
  name: string,
  permitted: readonly string[] | undefined,
  excluded: readonly string[],
  matches: Matcher,
): boolean {
  const lower = name.toLowerCase();
  if (excluded.some((constraint) => matches(lower, constraint.toLowerCase()))) return false;
  return permitted === undefined || permitted.some((constraint) => matches(lower, constraint.toLowerCase()));
}

/** `.example` names hosts below it, `example` exactly that host. */
function matchesUri(host: string, constraint: string): boolean {
  return constraint.startsWith('.')
    ? host.endsWith(constraint) && host.length > constraint.length
    : host === constraint;
}

/** `example` names itself and everything below it; the empty constraint names everything. */
function matchesDns(name: string, constraint: string): boolean {
  if (constraint === '') return true;
  const bare = constraint.startsWith('.') ? constraint.slice(1) : constraint;
  return name === bare || name.endsWith(`.${bare}`);
}

/** Host of an absolute URI with an authority; undefined where there is none, which no URI constraint permits. */
function hostOf(uri: string): string | undefined {
  const match = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:[\]]+)(?::\d*)?(?:[/?#]|$)/.exec(uri);
  return match?.[1];
}
