import { Fault } from '#kernel';
import type { Certificate } from './certificate.ts';
import { isEmptyName, isSameName, isSelfIssued } from './name.ts';
import { permitsNames } from './name-constraints.ts';
import { OID } from './oids.ts';
import { permitsPolicies } from './policy-tree.ts';
import { isSignedBy } from './signature.ts';

export interface PathQuestion {
  /** As presented: leaf first, then intermediates in any order. */
  readonly chain: readonly Certificate[];
  /** Trust anchors: of one trust domain only. */
  readonly roots: readonly Certificate[];
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The leaf's role, checked on every certificate of the path that has an extended key usage. */
  readonly purpose?: 'server' | 'client';
  /** Certificates of the chain whose signature by this issuer has been verified already. */
  readonly signedBy?: ReadonlyMap<Certificate, Certificate>;
}

const MAX_PATHS = 64;

/**
 * RFC 5280 §6 path validation from the leaf to one of the roots: signatures, dates, CA flags, key usage, path lengths, name constraints,
 * critical extensions. Intermediates that are not on the path are ignored. Returns the path, leaf first, root last.
 * Throws `PEER_CERTIFICATE_EXPIRED` when only time stands in the way, `PEER_CHAIN_UNTRUSTED` otherwise.
 */
export function verifyPath(question: PathQuestion): readonly Certificate[] {
  const leaf = question.chain[0];
  if (leaf === undefined) throw untrusted('no certificate was presented');
  assertUsableLeaf(leaf, question.purpose);
  const search: Search = { question, tried: 0, expired: false };
  const path = extend(search, [leaf]);
  if (path !== undefined) return path;
  if (search.expired)
    throw new Fault('PEER_CERTIFICATE_EXPIRED', 'a certificate of the chain is not valid at this time');
  throw untrusted('the certificate does not chain to an authority of its trust domain');
}

interface Search {
  readonly question: PathQuestion;
  tried: number;
  expired: boolean;
}

/** Depth-first over issuers whose name and key fit; the number of signature checks is bounded. */
function extend(search: Search, path: readonly Certificate[]): readonly Certificate[] | undefined {
  const last = path.at(-1);
  if (last === undefined) return undefined;
  for (const root of search.question.roots) {
    const whole = isTrustedItself(last, root, path) ? path : issues(search, root, last) ? [...path, root] : undefined;
    if (whole !== undefined && accept(search, whole) !== undefined) return whole;
  }
  for (const candidate of search.question.chain.slice(1)) {
    if (path.some((certificate) => certificate.der.equals(candidate.der)) || !issues(search, candidate, last)) continue;
    const found = extend(search, [...path, candidate]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** An intermediate that is itself an anchor ends the path; a leaf never does. */
function isTrustedItself(last: Certificate, root: Certificate, path: readonly Certificate[]): boolean {
  return path.length > 1 && last.der.equals(root.der);
}

function issues(search: Search, issuer: Certificate, subject: Certificate): boolean {
  if (!mayHaveIssued(issuer, subject)) return false;
  if (++search.tried > MAX_PATHS) return false;
  if (search.question.signedBy?.get(subject) === issuer) return true;
  return isSignedBy(subject, issuer);
}

/** By names and key ids alone; who did is for the signature to say. */
export function mayHaveIssued(issuer: Certificate, subject: Certificate): boolean {
  if (!isSameName(issuer.subjectDer, subject.issuerDer)) return false;
  const wanted = subject.authorityKeyId;
  return wanted === undefined || issuer.subjectKeyId === undefined || wanted.equals(issuer.subjectKeyId);
}

/** The checks that need the whole path. Expired paths are remembered, so that the caller can be told. */
function accept(search: Search, path: readonly Certificate[]): readonly Certificate[] | undefined {
  const { at, purpose } = search.question;
  // RFC 5280 leaves it open; as everybody else does, an authority that is limited to other uses does not issue for this one.
  if (!isWellFormedPath(path) || !path.every((certificate) => isMeantFor(certificate, purpose))) return undefined;
  if (path.some((certificate) => at < certificate.notBefore || at > certificate.notAfter)) {
    search.expired = true;
    return undefined;
  }
  return path;
}

function isWellFormedPath(path: readonly Certificate[]): boolean {
  for (let index = 1; index < path.length; index++) {
    const issuer = path[index];
    if (issuer === undefined || !mayIssue(issuer)) return false;
    const below = path.slice(0, index);
    // §6.1.4 (l), (m): self-issued certificates do not count.
    const intermediates = below.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
    if (issuer.pathLen !== undefined && intermediates > issuer.pathLen) return false;
    if (
      issuer.nameConstraints !== undefined &&
      // §6.1.3 (b): nor are they constrained, but for the last of the path.
      !below.every(
        (certificate, place) =>
          (place > 0 && isSelfIssued(certificate)) || permitsNames(issuer.nameConstraints, certificate),
      )
    )
      return false;
  }
  return permitsPolicies(path);
}

function mayIssue(certificate: Certificate): boolean {
  const mayCertify = certificate.keyUsage === undefined || certificate.keyUsage.keyCertSign;
  return (
    certificate.isCa && mayCertify && certificate.unknownCritical.length === 0 && !isEmptyName(certificate.subjectDer)
  );
}

function assertUsableLeaf(leaf: Certificate, purpose: PathQuestion['purpose']): void {
  if (leaf.unknownCritical.length > 0)
    throw untrusted('the certificate has a critical extension that is not understood');
  // §4.1.2.4, §4.2.1.9, §4.2.1.10: somebody issued it, who is no CA signs no certificates and constrains no names.
  const claimsAuthority = leaf.nameConstraints !== undefined || leaf.keyUsage?.keyCertSign === true;
  if (isEmptyName(leaf.issuerDer) || (!leaf.isCa && claimsAuthority))
    throw untrusted('the certificate says of itself what cannot be');
  if (!isMeantFor(leaf, purpose)) throw untrusted('the certificate is not meant for this use');
}

function isMeantFor(certificate: Certificate, purpose: PathQuestion['purpose']): boolean {
  if (purpose === undefined || certificate.extKeyUsage === undefined) return true;
  const wanted = purpose === 'server' ? OID.serverAuth : OID.clientAuth;
  return certificate.extKeyUsage.includes(wanted) || certificate.extKeyUsage.includes(OID.anyExtendedKeyUsage);
}

function untrusted(rule: string): Fault {
  return new Fault('PEER_CHAIN_UNTRUSTED', rule);
}
