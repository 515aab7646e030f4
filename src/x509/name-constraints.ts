import { LIMITS } from '#kernel';
import { contextTag, type DerReader, derFault, TAG } from './der-reader.ts';
import { type CollectedNames, readGeneralName, type SubjectNames } from './general-name.ts';
import { canonicalName, emailsOf, isEmptyName } from './name.ts';

/** Constraints of RFC 5280 §4.2.1.10 by form. */
export interface NameConstraints {
  readonly permitted: SubjectNames;
  readonly excluded: SubjectNames;
}

/** What of a certificate its issuers' constraints are about. */
export interface NamedSubject {
  readonly subjectDer: Buffer;
  readonly names: SubjectNames;
}

/** Throws `DER_INVALID` for what is no constraint of its form. */
export function readNameConstraints(reader: DerReader): NameConstraints {
  const constraints = { permitted: readSubtrees(reader, 0), excluded: readSubtrees(reader, 1) };
  reader.end();
  return constraints;
}

/**
 * True when every name of the subject lies within what is permitted for its form, and none within what is excluded. A name of a form that
 * is constrained and not evaluated here refuses the path (RFC 5280 §4.2.1.10: process the constraint or reject the certificate).
 */
export function permitsNames(constraints: NameConstraints | undefined, subject: NamedSubject): boolean {
  if (constraints === undefined) return true;
  const { permitted, excluded } = constraints;
  const { names, subjectDer } = subject;
  if (names.others && (permitted.others || excluded.others)) return false;
  const directories = isEmptyName(subjectDer) ? names.directories : [subjectDer, ...names.directories];
  // §4.2.1.10: addresses in the subject count where there are none in the alternative names.
  const emails = names.emails.length > 0 ? names.emails : emailsOf(subjectDer);
  if (!areNames(names.dns, emails, names.addresses)) return false;
  const constrainsUris = permitted.uris.length + excluded.uris.length > 0;
  const hosts = constrainsUris ? names.uris.map(hostOf) : [];
  const comparisons =
    size(names.uris, permitted.uris, excluded.uris) +
    size(names.dns, permitted.dns, excluded.dns) +
    size(emails, permitted.emails, excluded.emails) +
    size(names.addresses, permitted.addresses, excluded.addresses) +
    size(directories, permitted.directories, excluded.directories);
  if (comparisons > LIMITS.nameComparisons.value) return false;
  return (
    hosts.every((host) => host !== undefined) &&
    every(hosts, permitted.uris, excluded.uris, matchesUri) &&
    every(names.dns, permitted.dns, excluded.dns, matchesDns, reachesDns) &&
    every(emails, permitted.emails, excluded.emails, matchesEmail) &&
    every(names.addresses, permitted.addresses, excluded.addresses, matchesAddress) &&
    every(directories, permitted.directories, excluded.directories, matchesDirectory)
  );
}

function size(names: readonly unknown[], permitted: readonly unknown[], excluded: readonly unknown[]): number {
  return names.length * (permitted.length + excluded.length);
}

/** A name that is none lies within nothing, and is refused where an authority constrains names at all. */
function areNames(dns: readonly string[], emails: readonly string[], addresses: readonly Buffer[]): boolean {
  return (
    dns.every((name) => DNS_NAME.test(name)) &&
    emails.every((email) => MAILBOX.test(email)) &&
    addresses.every(({ length }) => length === 4 || length === 16)
  );
}

type Matcher<T> = (name: T, constraint: T) => boolean;

function every<T>(
  names: readonly T[],
  permitted: readonly T[],
  excluded: readonly T[],
  matches: Matcher<T>,
  reaches: Matcher<T> = matches,
): boolean {
  return names.every(
    (name) =>
      !excluded.some((constraint) => reaches(name, constraint)) &&
      (permitted.length === 0 || permitted.some((constraint) => matches(name, constraint))),
  );
}

/** `.example` names hosts below it, `example` exactly that host. */
function matchesUri(host: string, constraint: string): boolean {
  const [lower, wanted] = [host.toLowerCase(), constraint.toLowerCase()];
  return wanted.startsWith('.') ? lower.endsWith(wanted) && lower.length > wanted.length : lower === wanted;
}

// Labels without blanks or control characters: a name that is none cannot be compared with a constraint.
const DNS_NAME = /^[!-\-/-~]+(?:\.[!-\-/-~]+)*$/;

/** `example` names itself and everything below it; the empty constraint names everything. */
function matchesDns(name: string, constraint: string): boolean {
  const lower = name.toLowerCase();
  const wanted = constraint.toLowerCase();
  return wanted === '' || lower === wanted || lower.endsWith(`.${wanted}`);
}

/** A wildcard stands for the host that is excluded, too, though it does not lie within the constraint (CVE-2025-61727). */
function reachesDns(name: string, constraint: string): boolean {
  const wildcard = name.startsWith('*.') ? name.slice(1).toLowerCase() : undefined;
  return matchesDns(name, constraint) || (wildcard !== undefined && constraint.toLowerCase().endsWith(wildcard));
}

const MAILBOX = /^([^@\s]+)@([^@\s]+)$/;

/** A mailbox, all mailboxes of a host, or with a leading dot of all hosts below one. Local parts are compared by case. */
function matchesEmail(email: string, constraint: string): boolean {
  const [, local = '', domain = ''] = MAILBOX.exec(email) ?? [];
  const host = domain.toLowerCase();
  const [, wantedLocal, wantedDomain] = MAILBOX.exec(constraint) ?? [];
  if (wantedLocal !== undefined) return local === wantedLocal && host === wantedDomain?.toLowerCase();
  const wanted = constraint.toLowerCase();
  return wanted.startsWith('.') ? host.endsWith(wanted) && host.length > wanted.length : host === wanted;
}

/** The constraint is an address and a mask, the name an address of the same family. */
function matchesAddress(address: Buffer, constraint: Buffer): boolean {
  if (constraint.length !== 2 * address.length) return false;
  const mask = constraint.subarray(address.length);
  return address.every((byte, index) => ((byte ^ (constraint[index] ?? 0)) & (mask[index] ?? 0)) === 0);
}

/** The constraint is the beginning of the name (X.501 §13). */
function matchesDirectory(name: Buffer, constraint: Buffer): boolean {
  const parts = canonicalName(name);
  return canonicalName(constraint).every((part, index) => parts[index] === part);
}

/** Host of an absolute URI with an authority; undefined where there is none, which no URI constraint permits. */
function hostOf(uri: string): string | undefined {
  const match = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:[\]]+)(?::\d*)?(?:[/?#]|$)/.exec(uri);
  return match?.[1];
}

function readSubtrees(reader: DerReader, number: number): SubjectNames {
  const found: CollectedNames = { uris: [], dns: [], emails: [], addresses: [], directories: [], others: false };
  const tag = contextTag(number, true);
  if (reader.peek() !== tag) return found;
  const trees = reader.enter(tag);
  while (!trees.done) {
    const tree = trees.enter(TAG.sequence);
    readGeneralName(tree.next(), found);
    // §4.2.1.10: minimum is 0 and maximum absent, so nothing follows the base.
    tree.end();
  }
  assertConstraints(found);
  return found;
}

/** §4.2.1.10: DNS constraints are names without wildcard or leading dot, addresses have a mask of leading ones, mailboxes one `@`. */
function assertConstraints({ dns, emails, addresses }: CollectedNames): void {
  const sound =
    dns.every((name) => name === '' || (DNS_NAME.test(name) && !name.includes('*'))) &&
    emails.every((email) => email.split('@').length <= 2 && !email.startsWith('@') && !email.endsWith('@')) &&
    addresses.every((address) => (address.length === 8 || address.length === 32) && isMask(address));
  if (!sound) throw derFault('a name constraint is malformed');
}

function isMask(address: Buffer): boolean {
  const bits = [...address.subarray(address.length / 2)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits);
}
