import { type Clock, Fault, type Random, randomHex } from '#kernel';
import { SpiffeId, type TrustDomain } from '#spiffe';
import { type Certificate, keyId, parseCertificate } from '#x509';
import type { AuthorityKind } from './authority-kind.ts';
import { makeCaCertificate } from './ca-certificate.ts';
import type { JournalAnchor } from './journal-record.ts';
import type { KeyManager } from './key-manager.ts';
import { KEY_USE, type KeyType } from './key-type.ts';
import { backdateMillis } from './profile.ts';
import type { Slot } from './slot.ts';

export interface SlotMakerOptions {
  readonly trustDomain: TrustDomain;
  readonly keyManager: KeyManager;
  readonly clock: Clock;
  readonly random: Random;
  readonly ttlSeconds: number;
}

export interface NewKey {
  readonly kid: string;
  readonly keyName: string;
  readonly spki: Buffer;
}

export interface NewSlot {
  readonly slot: Slot;
  /** The upstream's roots, when it signed the slot. */
  readonly upstream?: readonly JournalAnchor[];
}

/** A key under a name that nobody else has. */
export async function newKey(kind: AuthorityKind, type: KeyType, options: SlotMakerOptions): Promise<NewKey> {
  const kid = randomHex(options.random, 16);
  const keyName = `${kind}-${kid}`;
  return { kid, keyName, spki: await options.keyManager.generate(keyName, type) };
}

/** A new key in the state `prepared`; nothing of it is published yet. A CA signs itself. */
export async function makeSlot(kind: AuthorityKind, keyType: KeyType, options: SlotMakerOptions): Promise<Slot> {
  const { kid, keyName, spki } = await newKey(kind, keyType, options);
  const now = options.clock.now();
  const common = { kind, keyName, keyType, state: 'prepared' as const, tainted: false, spki };
  const notAfter = now + options.ttlSeconds * 1000;
  if (kind !== 'x509')
    return { ...common, id: kid, notBefore: now - backdateMillis(options.ttlSeconds), notAfter, chain: [] };
  const certificate = await selfSigned(keyType, { keyName, spki }, options);
  const ends = { notBefore: certificate.notBefore, notAfter: certificate.notAfter };
  return { ...common, ...ends, id: authorityIdOf(certificate), chain: [certificate] };
}

/** Hexadecimal subject key id, by which SPIRE's tools name a CA. */
export function authorityIdOf(certificate: Certificate): string {
  return (certificate.subjectKeyId ?? keyId(certificate.spki)).toString('hex');
}

async function selfSigned(
  keyType: KeyType,
  { keyName, spki }: Pick<NewKey, 'keyName' | 'spki'>,
  options: SlotMakerOptions,
): Promise<Certificate> {
  const request = { ...options, spki, uri: SpiffeId.of(options.trustDomain, '').toString() };
  const sign = (data: Buffer) => options.keyManager.sign(keyName, data);
  const issuer = { keyId: keyId(spki), scheme: KEY_USE[keyType].certificate, sign };
  const certificate = parseCertificate(await makeCaCertificate(request, issuer));
  if (!certificate.spki.equals(spki)) throw new Fault('INTERNAL_ERROR', 'the CA has another key than was made for it');
  return certificate;
}
