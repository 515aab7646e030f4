import { type Certificate, parseCertificate } from '#x509';
import type { AuthorityState } from './authority-state.ts';
import type { JournalSlot } from './journal-record.ts';

/** One key of an authority with what is published of it. */
export interface Slot extends Omit<JournalSlot, 'publicKey' | 'chain'> {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
  /** Of a CA: its certificate, then the intermediates above it; empty otherwise. */
  readonly chain: readonly Certificate[];
}

export function toState({ id, state, tainted, notAfter, chain }: Slot): AuthorityState {
  const above = upstreamAuthorityId(chain);
  return { id, state, tainted, notAfter, ...(above === undefined ? {} : { upstreamAuthorityId: above }) };
}

/** Undefined for a CA that is its own root. */
export function upstreamAuthorityId(chain: readonly Certificate[]): string | undefined {
  const last = chain.at(-1);
  if (last === undefined || isSelfIssued(last)) return undefined;
  return last.authorityKeyId?.toString('hex');
}

export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.issuerDer.equals(certificate.subjectDer);
}

export function toJournal({ spki, chain, ...rest }: Slot): JournalSlot {
  return {
    ...rest,
    publicKey: spki.toString('base64'),
    chain: chain.map(({ der }) => der.toString('base64')),
  };
}

export function fromJournal({ publicKey, chain, ...rest }: JournalSlot): Slot {
  return {
    ...rest,
    spki: Buffer.from(publicKey, 'base64'),
    chain: chain.map((text) => parseCertificate(Buffer.from(text, 'base64'))),
  };
}
