import { Fault } from '#kernel';
import { isAppended } from './appended.ts';
import { AUTHORITY_KINDS } from './authority-kind.ts';
import type { JournalAnchor, JournalRecord, JournalSlot } from './journal-record.ts';
import { KEY_TYPES } from './key-type.ts';
import { readLegacyJournal } from './legacy-journal.ts';

/**
 * Port: what the authorities of one trust domain remember between runs and share between servers. Certificates and public keys only, never
 * private ones. Implementations pass `journalContract`.
 */
export interface AuthorityJournal {
  /** Undefined when nothing was ever saved. */
  load(): Promise<JournalRecord | undefined>;
  /**
   * Replaces everything at once, durably, when the version kept is still `expected` (0: nothing was saved yet); `record.version` is then
   * `expected + 1`. Throws `JOURNAL_CONFLICT` when another server has saved since.
   */
  save(record: JournalRecord, expected: number): Promise<void>;
  /** Calls back after another server has saved. Absent where one server has the journal to itself. */
  watch?(listener: () => void): () => void;
}

/** Reads what an implementation has kept as JSON. Throws `CONFIG_UNREADABLE`. */
export function parseJournal(text: string): JournalRecord {
  const value = readJson(text);
  const record = readLegacyJournal(value) ?? value;
  if (!isRecord(record)) throw damaged();
  return record;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged(cause);
  }
}

function isRecord(value: unknown): value is JournalRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { version, sequence, slots, upstream, appended = [] }: Partial<Record<keyof JournalRecord, unknown>> = value;
  const lists = Array.isArray(slots) && slots.every(isSlot) && Array.isArray(upstream) && upstream.every(isAnchor);
  if (!Array.isArray(appended) || !appended.every(isAppended)) return false;
  return lists && Number.isSafeInteger(version) && Number.isSafeInteger(sequence);
}

function isSlot(value: unknown): value is JournalSlot {
  if (typeof value !== 'object' || value === null) return false;
  const slot: Partial<Record<keyof JournalSlot, unknown>> = value;
  const texts = [slot.id, slot.keyName, slot.publicKey].every((one) => typeof one === 'string');
  const known =
    AUTHORITY_KINDS.some((kind) => kind === slot.kind) &&
    KEY_TYPES.some((type) => type === slot.keyType) &&
    (slot.state === 'prepared' || slot.state === 'active' || slot.state === 'old');
  const times = Number.isSafeInteger(slot.notBefore) && Number.isSafeInteger(slot.notAfter);
  const chain = Array.isArray(slot.chain) && slot.chain.every((one) => typeof one === 'string');
  return texts && known && times && chain && typeof slot.tainted === 'boolean';
}

function isAnchor(value: unknown): value is JournalAnchor {
  if (typeof value !== 'object' || value === null) return false;
  const anchor: Partial<Record<keyof JournalAnchor, unknown>> = value;
  const texts = typeof anchor.id === 'string' && typeof anchor.certificate === 'string';
  const flags = typeof anchor.tainted === 'boolean' && typeof anchor.revoked === 'boolean';
  return texts && flags && Number.isSafeInteger(anchor.notAfter);
}

function damaged(cause?: unknown): Fault {
  return new Fault(
    'CONFIG_UNREADABLE',
    'the journal of the authority is damaged',
    cause === undefined ? {} : { cause },
  );
}
