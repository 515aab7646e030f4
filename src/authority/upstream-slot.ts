import { Fault } from '#kernel';
import { SpiffeId, type TrustDomain } from '#spiffe';
import { type Certificate, encodeCertificateRequest, encodeRequestedPart, parseCertificate, verifyPath } from '#x509';
import type { JournalAnchor } from './journal-record.ts';
import { KEY_USE, type KeyType } from './key-type.ts';
import { authorityIdOf, type NewSlot, newKey, type SlotMakerOptions } from './make-slot.ts';
import type { UpstreamAuthority, UpstreamRoot } from './upstream-authority.ts';

/**
 * A new CA that the upstream signed, in the state `prepared`. What came is verified as a relying party will: nothing of it is taken on the
 * upstream's word. Throws `UPSTREAM_AUTHORITY_UNAVAILABLE`.
 */
export async function makeUpstreamSlot(
  keyType: KeyType,
  options: SlotMakerOptions,
  upstream: UpstreamAuthority,
): Promise<NewSlot> {
  const { keyManager, trustDomain, ttlSeconds, clock } = options;
  const { keyName, spki } = await newKey('x509', keyType, options);
  const scheme = KEY_USE[keyType].certificate;
  const part = encodeRequestedPart(spki, SpiffeId.of(trustDomain, '').toString());
  try {
    const csr = encodeCertificateRequest(part, await keyManager.sign(keyName, part), scheme);
    const answer = await upstream.sign({ csr, ttlSeconds });
    const chain = answer.chain.map(parseCertificate);
    const anchors = answer.roots.map(toAnchor);
    const [own] = chain;
    if (own === undefined || !own.spki.equals(spki)) throw unsound('its certificate is for another key');
    assertCaOf(trustDomain, own);
    const roots = answer.roots.map(({ certificate }) => parseCertificate(certificate));
    verifyPath({ chain, roots, at: clock.now() });
    const notAfter = Math.min(...chain.map((one) => one.notAfter));
    const common = { kind: 'x509', keyName, keyType, state: 'prepared', tainted: false, spki } as const;
    return {
      slot: { ...common, id: authorityIdOf(own), notBefore: own.notBefore, notAfter, chain },
      upstream: anchors,
    };
  } catch (cause) {
    await keyManager.delete(keyName);
    if (cause instanceof Fault && cause.code === 'UPSTREAM_AUTHORITY_UNAVAILABLE') throw cause;
    throw new Fault('UPSTREAM_AUTHORITY_UNAVAILABLE', 'the upstream authority gave no usable CA', { cause });
  }
}

export function toAnchor({ certificate, tainted }: UpstreamRoot): JournalAnchor {
  const parsed = parseCertificate(certificate);
  const { notAfter } = parsed;
  return { id: authorityIdOf(parsed), certificate: certificate.toString('base64'), tainted, revoked: false, notAfter };
}

function assertCaOf(trustDomain: TrustDomain, { isCa, uriSans }: Certificate): void {
  const [uri, more] = uriSans;
  if (!isCa) throw unsound('its certificate is of no CA');
  if (more !== undefined || (uri !== undefined && uri !== SpiffeId.of(trustDomain, '').toString()))
    throw unsound('its certificate is for another trust domain');
}

function unsound(rule: string): Fault {
  return new Fault('UPSTREAM_AUTHORITY_UNAVAILABLE', `the upstream authority gave no usable CA: ${rule}`);
}
