import type { KeyObject } from 'node:crypto';
import { Fault, isFault, LIMITS } from '#kernel';
import { type Certificate, checkSignature, mayHaveIssued, parseCertificate, verifyPath } from '#x509';
import { SpiffeId } from './spiffe-id.ts';
import type { X509BundleSet } from './x509-bundle.ts';

/** An X509-SVID with its private key, as its holder has it. */
export interface X509Svid {
  readonly id: SpiffeId;
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
  readonly privateKey: KeyObject;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly hint?: string;
}

/** What was read from a chain that has been verified. */
export interface VerifiedX509Svid {
  readonly id: SpiffeId;
  readonly leaf: Certificate;
  /** Milliseconds since the epoch: when the first certificate of the path expires. */
  readonly notAfter: number;
}

export interface X509SvidQuestion {
  /** Leaf first, as presented: DER, or certificates that were read before. */
  readonly chain: readonly (Uint8Array | Certificate)[];
  readonly bundles: X509BundleSet;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The role of the certificate's holder. */
  readonly purpose?: 'server' | 'client';
}

/**
 * The X509-SVID validator (X509-SVID §5): the leaf's form, then a path to the bundle of the leaf's own trust domain.
 * Throws `PEER_CERTIFICATE_MISSING`, `PEER_CERTIFICATE_INVALID`, `PEER_TRUST_DOMAIN_UNKNOWN`, `PEER_CHAIN_UNTRUSTED` or
 * `PEER_CERTIFICATE_EXPIRED`.
 */
export function verifyX509Svid(question: X509SvidQuestion): VerifiedX509Svid {
  return verifyParsed(parseChain(question.chain), question);
}

/** As `verifyX509Svid`, to the letter; the arithmetic of the signatures is done off the main thread. */
export async function verifyX509SvidInPool(question: X509SvidQuestion): Promise<VerifiedX509Svid> {
  const chain = parseChain(question.chain);
  const roots = [...question.bundles.values()].flatMap(({ authorities }) => authorities);
  // Bounded as the search below is: what is not looked at here is verified there.
  const pairs = chain.flatMap((subject) =>
    [...roots, ...chain.slice(1)]
      .filter((issuer) => mayHaveIssued(issuer, subject))
      .map((issuer) => ({ subject, issuer })),
  );
  const signedBy = new Map<Certificate, Certificate>();
  const check = async ({ subject, issuer }: (typeof pairs)[number]): Promise<void> => {
    if (await checkSignature(subject, issuer)) signedBy.set(subject, issuer);
  };
  await Promise.all(pairs.slice(0, MAX_POOLED).map(check));
  return verifyParsed(chain, question, signedBy);
}

/** The signature that an authority has just made. */
export interface MadeX509Svid {
  /** Of the chain or of the bundle. */
  readonly issuer: Certificate;
  /** The bytes that were signed. */
  readonly signedPart: Uint8Array;
}

/**
 * As `verifyX509Svid`, for an authority's own eyes: that the leaf's signature is `issuer`'s over `signedPart` is taken from the caller, who has just
 * made it. Everything else is judged: the leaf says what was signed, it is well-formed, and its path leads to the bundle.
 */
export function verifyMadeX509Svid(question: X509SvidQuestion, { issuer, signedPart }: MadeX509Svid): VerifiedX509Svid {
  const chain = parseChain(question.chain);
  const [leaf, ...above] = chain;
  if (leaf === undefined || !leaf.tbs.equals(signedPart)) throw invalid('it is not what was signed');
  const roots = [...question.bundles.values()].flatMap(({ authorities }) => authorities);
  const signer = [...roots, ...above].find(({ der }) => der.equals(issuer.der));
  return verifyParsed(chain, question, new Map(signer === undefined ? [] : [[leaf, signer]]));
}

const MAX_POOLED = 8;

function verifyParsed(
  chain: readonly Certificate[],
  question: X509SvidQuestion,
  signedBy: ReadonlyMap<Certificate, Certificate> = new Map(),
): VerifiedX509Svid {
  const leaf = chain[0];
  if (leaf === undefined) throw new Fault('PEER_CERTIFICATE_MISSING', 'no certificate was presented');
  const id = leafId(leaf);
  const bundle = question.bundles.get(id.trustDomain);
  if (bundle === undefined) {
    throw new Fault('PEER_TRUST_DOMAIN_UNKNOWN', 'the certificate is of a trust domain that is not trusted here', {
      details: { trustDomain: id.trustDomain },
    });
  }
  const { at, purpose } = question;
  const role = purpose === undefined ? {} : { purpose };
  const path = verifyPath({ chain, roots: bundle.authorities, at, signedBy, ...role });
  for (const authority of path.slice(1)) assertAuthorityId(authority, id);
  return { id, leaf, notAfter: Math.min(...path.map((certificate) => certificate.notAfter)) };
}

function parseChain(ders: X509SvidQuestion['chain']): readonly Certificate[] {
  if (ders.length > LIMITS.certificateChainLength.value) throw invalid('it comes with too many certificates');
  try {
    return ders.map((one) => (one instanceof Uint8Array ? parseCertificate(one) : one));
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw invalid('it cannot be read', cause);
  }
}

/** The rules for a leaf of X509-SVID §2, §4 and §5.2. */
function leafId(leaf: Certificate): SpiffeId {
  const [uri, second] = leaf.uriSans;
  if (uri === undefined || second !== undefined) throw invalid('it has no or more than one URI as name');
  if (leaf.isCa) throw invalid('it is of an authority');
  const usage = leaf.keyUsage;
  if (usage === undefined || !usage.critical || !usage.digitalSignature)
    throw invalid('its key usage does not say digitalSignature');
  if (usage.keyCertSign || usage.cRLSign) throw invalid('its key may sign certificates');
  const id = parseId(uri);
  if (id.path === '') throw invalid('its id has no path');
  return id;
}

/** X509-SVID §3.2: an authority's id, if it has one, has no path and is of the leaf's trust domain. */
function assertAuthorityId(authority: Certificate, leaf: SpiffeId): void {
  const [uri, second] = authority.uriSans;
  if (uri === undefined) return;
  const id = parseId(uri);
  if (second !== undefined || id.path !== '' || id.trustDomain !== leaf.trustDomain) {
    throw new Fault(
      'PEER_CHAIN_UNTRUSTED',
      'an authority of the chain has an id that no authority of the trust domain has',
    );
  }
}

function parseId(uri: string): SpiffeId {
  try {
    return SpiffeId.parse(uri);
  } catch (cause) {
    throw invalid('its URI is no SPIFFE ID', cause);
  }
}

function invalid(rule: string, cause?: unknown): Fault {
  return new Fault('PEER_CERTIFICATE_INVALID', `not a valid X509-SVID: ${rule}`, cause === undefined ? {} : { cause });
}
