import { Fault, randomHex } from '#kernel';
import { SpiffeId } from '#spiffe';
import { keyId, parseCertificate, verifyPath } from '#x509';
import type { AuthorityBundle } from './authority-bundle.ts';
import { makeCaCertificate } from './ca-certificate.ts';
import { KEY_USE } from './key-type.ts';
import type { Slot } from './slot.ts';
import type { IssuerOptions } from './x509-issuer.ts';

export interface DownstreamCaRequest {
  /** SubjectPublicKeyInfo, DER, of the CA below. */
  readonly publicKeySpki: Buffer;
  readonly ttlSeconds: number;
}

export interface IssuedCa {
  /** DER: the CA's own certificate, then those above it, without the root. */
  readonly chain: readonly Buffer[];
  /** DER. */
  readonly roots: readonly Buffer[];
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** An intermediate CA of the same trust domain for a server below this one, in the three steps of `X509Issuer`. */
export async function issueDownstreamCa(
  request: DownstreamCaRequest,
  {
    active,
    bundle,
    options,
  }: { readonly active: Slot; readonly bundle: AuthorityBundle; readonly options: IssuerOptions },
): Promise<IssuedCa> {
  const [issuer, ...above] = active.chain;
  if (issuer === undefined) throw new Fault('INTERNAL_ERROR', 'a slot for certificates has none of its own');
  const { trustDomain, keyManager, clock, random } = options;
  const { publicKeySpki: spki, ttlSeconds } = request;
  const uri = SpiffeId.of(trustDomain, '').toString();
  const unit = `DOWNSTREAM-${randomHex(random, 4)}`;
  const der = await makeCaCertificate(
    { uri, spki, ttlSeconds, clock, random, unit },
    {
      subject: issuer.subjectDer,
      keyId: issuer.subjectKeyId ?? keyId(issuer.spki),
      notBefore: issuer.notBefore,
      notAfter: active.notAfter,
      scheme: KEY_USE[active.keyType].certificate,
      sign: (data) => keyManager.sign(active.keyName, data),
    },
  );
  const roots = bundle.x509Authorities.map((text) => Buffer.from(text, 'base64'));
  const made = parseCertificate(der);
  const isRoot = issuer.issuerDer.equals(issuer.subjectDer);
  const chain = isRoot ? [made] : [made, issuer, ...above];
  if (!made.isCa || !made.spki.equals(spki))
    throw new Fault('IDENTITY_UNAVAILABLE', 'another CA was made than was asked for');
  verifyPath({ chain, roots: roots.map(parseCertificate), at: clock.now() });
  return { chain: chain.map((one) => one.der), roots, notAfter: made.notAfter };
}
