import { createHash, X509Certificate } from 'node:crypto';
import {
  type AttestedNode,
  bytesOf,
  malformed,
  type NodeAttestor,
  type NodeEvidence,
  readEvidence,
  refused,
} from '#attestation';
import { type Clock, isFault, LIMITS, type Random } from '#kernel';
import { type Certificate, parseCertificate, verifyPath } from '#x509';
import { encodeChallenge, verifyResponse } from './proof.ts';

export interface X509popOptions {
  /** Authorities of the nodes' certificates, DER; asked for at each attestation, for they may rotate. */
  readonly authorities: (trustDomain: string) => readonly Buffer[];
  /**
   * How agents are named: by the SHA-1 of the certificate, or, where the certificates are X509-SVIDs of the trust domain itself, by the
   * path of the SVID below a prefix.
   */
  readonly naming: { readonly by: 'fingerprint' } | { readonly by: 'spiffe'; readonly prefix: string };
  readonly clock: Clock;
  readonly random: Random;
}

/** Proof of possession of an X.509 certificate of the node, as SPIRE's attestor of this name. */
export class X509popAttestor implements NodeAttestor {
  readonly type = 'x509pop';
  readonly #options: X509popOptions;

  constructor(options: X509popOptions) {
    this.#options = options;
  }

  async attest({ payload, trustDomain, challenge }: NodeEvidence, _signal: AbortSignal): Promise<AttestedNode> {
    const path = this.#verify(readChain(payload), trustDomain);
    const [leaf] = path;
    if (leaf?.keyUsage?.digitalSignature !== true) throw refused('the certificate is not meant for signatures');
    const nonce = Buffer.from(this.#options.random.bytes(32));
    const response = await challenge(encodeChallenge(leaf.publicKey, nonce));
    if (!verifyResponse(leaf.publicKey, nonce, response)) throw refused('the node has not the key of its certificate');
    return {
      path: `/spire/agent/x509pop/${this.#name(leaf, trustDomain)}`,
      selectors: selectorsOf(path, trustDomain),
      canReattest: true,
    };
  }

  #verify(chain: readonly Certificate[], trustDomain: string): readonly Certificate[] {
    const { authorities, clock } = this.#options;
    try {
      return verifyPath({ chain, roots: authorities(trustDomain).map(parseCertificate), at: clock.now() });
    } catch (cause) {
      if (!isFault(cause)) throw cause;
      throw refused('the certificate does not chain to an authority of nodes, or not at this time', cause);
    }
  }

  #name(leaf: Certificate, trustDomain: string): string {
    const { naming } = this.#options;
    if (naming.by === 'fingerprint') return fingerprint(leaf);
    const [uri, second] = leaf.uriSans.filter((one) => one.startsWith('spiffe://'));
    const start = `spiffe://${trustDomain}${naming.prefix}/`;
    if (uri === undefined || second !== undefined || !uri.startsWith(start))
      throw refused('the certificate is no X509-SVID that nodes are given');
    return uri.slice(start.length);
  }
}

function readChain(payload: Buffer): readonly Certificate[] {
  const { certificates } = readEvidence(payload);
  if (!Array.isArray(certificates) || certificates.length === 0) throw malformed('no certificate to attest');
  if (certificates.length > LIMITS.certificateChainLength.value) throw malformed('there are too many certificates');
  return certificates.map((one) => {
    const der = bytesOf(one, 'a certificate');
    try {
      return parseCertificate(der);
    } catch (cause) {
      throw malformed('a certificate of it cannot be read', cause);
    }
  });
}

function selectorsOf(path: readonly Certificate[], trustDomain: string): readonly string[] {
  const [leaf, ...above] = path;
  if (leaf === undefined) return [];
  const values = above.map((one) => `ca:fingerprint:${fingerprint(one)}`);
  const commonName: unknown = new X509Certificate(leaf.der).toLegacyObject().subject?.CN;
  if (typeof commonName === 'string' && commonName !== '') values.unshift(`subject:cn:${commonName}`);
  values.push(`serialnumber:${leaf.serial.length % 2 === 0 ? '' : '0'}${leaf.serial}`);
  for (const [key, value] of sanSelectors(leaf, trustDomain)) values.push(`san:${key}:${value}`);
  return values.map((value) => `x509pop:${value}`);
}

/** `x509pop://<trust domain>/<key>/<value>` among the names of the certificate. */
function sanSelectors(leaf: Certificate, trustDomain: string): ReadonlyMap<string, string> {
  const prefix = `x509pop://${trustDomain}/`;
  const found = new Map<string, string>();
  for (const uri of leaf.uriSans) {
    if (!uri.startsWith(prefix)) continue;
    const [key, ...value] = uri.slice(prefix.length).split('/');
    if (key !== undefined && key !== '' && value.length > 0) found.set(key, value.join('/'));
  }
  return found;
}

/** SHA-1 as SPIRE names nodes: the certificate was verified before, so the name need not resist collisions. */
function fingerprint(certificate: Certificate): string {
  return createHash('sha1').update(certificate.der).digest('hex');
}
