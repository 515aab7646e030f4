import { parseCertificate } from '#x509';
import type { JournalRecord, JournalSlot } from './journal-record.ts';

interface LegacySlot {
  readonly keyName: string;
  readonly state: JournalSlot['state'];
  readonly certificate: string;
  readonly sequence: number;
}

/** A journal as it was written before there were keys for tokens: a list of CAs. Undefined for anything else. */
export function readLegacyJournal(value: unknown): JournalRecord | undefined {
  if (!Array.isArray(value) || !value.every(isLegacySlot)) return undefined;
  return {
    version: 1,
    sequence: Math.max(0, ...value.map(({ sequence }) => sequence)),
    slots: value.map(toSlot),
    upstream: [],
  };
}

function toSlot({ keyName, state, certificate }: LegacySlot): JournalSlot {
  const { subjectKeyId, spki, notBefore, notAfter } = parseCertificate(Buffer.from(certificate, 'base64'));
  return {
    kind: 'x509',
    id: subjectKeyId?.toString('hex') ?? '',
    keyName,
    keyType: 'ec-p256',
    state,
    tainted: false,
    notBefore,
    notAfter,
    publicKey: spki.toString('base64'),
    chain: [certificate],
  };
}

function isLegacySlot(value: unknown): value is LegacySlot {
  if (typeof value !== 'object' || value === null) return false;
  const slot: Partial<Record<keyof LegacySlot, unknown>> = value;
  const state = slot.state === 'prepared' || slot.state === 'active' || slot.state === 'old';
  const texts = typeof slot.keyName === 'string' && typeof slot.certificate === 'string';
  return state && texts && typeof slot.sequence === 'number';
}
