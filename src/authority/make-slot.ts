import { type Clock, Fault, type Random, randomHex } from '#kernel';
import { SpiffeId, type TrustDomain } from '#spiffe';
import { type Certificate, encodeCertificate, encodeSignedPart, keyId, parseCertificate } from '#x509';
import type { AuthorityKind } from './journal.ts';
import type { KeyManager } from './key-manager.ts';
import { KEY_USE, type KeyType } from './key-type.ts';
import { authoritySubject, BACKDATE_MILLIS, serialNumber } from './profile.ts';
import type { Slot } from './slot.ts';

export interface SlotMakerOptions {
  readonly trustDomain: TrustDomain;
  readonly keyManager: KeyManager;
  readonly clock: Clock;
  readonly random: Random;
  readonly ttlSeconds: number;
}

/** A new key in the state `prepared`; nothing of it is published yet. */
export async function makeSlot(kind: AuthorityKind, keyType: KeyType, options: SlotMakerOptions): Promise<Slot> {
  const { keyManager, random, clock, ttlSeconds } = options;
  const kid = randomHex(random, 16);
  const keyName = `${kind}-${kid}`;
  const spki = await keyManager.generate(keyName, keyType);
  const now = clock.now();
  const common = { kind, keyName, keyType, state: 'prepared' as const, tainted: false, spki };
  if (kind !== 'x509') return { ...common, id: kid, notBefore: now, notAfter: now + ttlSeconds * 1000, chain: [] };
  const certificate = await selfSigned({ keyName, keyType, spki, now }, options);
  const { notBefore, notAfter } = certificate;
  return { ...common, id: authorityIdOf(certificate), notBefore, notAfter, chain: [certificate] };
}

/** Hexadecimal subject key id, by which SPIRE's tools name a CA. */
export function authorityIdOf(certificate: Certificate): string {
  return (certificate.subjectKeyId ?? keyId(certificate.spki)).toString('hex');
}

interface NewKey {
  readonly keyName: string;
  readonly keyType: KeyType;
  readonly spki: Buffer;
  readonly now: number;
}

async function selfSigned({ keyName, keyType, spki, now }: NewKey, options: SlotMakerOptions): Promise<Certificate> {
  const { trustDomain, keyManager, random, ttlSeconds } = options;
  const scheme = KEY_USE[keyType].certificate;
  const serial = serialNumber(random);
  const tbs = encodeSignedPart({
    kind: 'ca',
    serial,
    subject: authoritySubject(serial),
    issuer: authoritySubject(serial),
    notBefore: now - BACKDATE_MILLIS,
    notAfter: now + ttlSeconds * 1000,
    spki,
    issuerKeyId: keyId(spki),
    uri: SpiffeId.of(trustDomain, '').toString(),
    scheme,
  });
  const certificate = parseCertificate(encodeCertificate(tbs, await keyManager.sign(keyName, tbs), scheme));
  if (!certificate.spki.equals(spki)) throw new Fault('INTERNAL_ERROR', 'the CA has another key than was made for it');
  return certificate;
}
