import { closeSync, ftruncateSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault, LIMITS, type Log } from '#kernel';
import { makeDataDirectory } from '#plugins/key-manager/disk';
import { readStamped, type StampedReceipt } from './receipt.ts';

/** A journal that holds this much of what is confirmed already is written anew. */
const COMPACT_BYTES = 8 * 1024 * 1024;
const LINE_FEED = 0x0a;

/**
 * One trust domain's receipts on disk until the server has confirmed them: JSON lines, one a receipt, mode 0600. What was added survives the
 * process, not the machine (nothing is synced). Receipts are told apart by id, so that one that is read again after it was confirmed does no harm.
 */
export class ReceiptJournal {
  readonly #path: string;
  readonly #log: Log;
  #file: number;
  #bytes: number;
  /** Ends a line that was cut off, where it still stands before what comes. */
  #lead: '' | '\n' = '';

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    makeDataDirectory(dirname(path));
    this.#file = openSync(path, 'a', 0o600);
    const there = readFileSync(path);
    this.#bytes = there.length;
    if (there.length > 0 && there.at(-1) !== LINE_FEED) this.#lead = '\n';
  }

  /** What an earlier process left here. A line that was cut off, or is no receipt of the trust domain, is left out. */
  load(trustDomain: string): readonly StampedReceipt[] {
    const lines = readFileSync(this.#path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    const receipts = lines.flatMap((line) => readStamped(line, trustDomain) ?? []);
    if (receipts.length < lines.length)
      this.#log.warn('receipts on disk not readable', { trustDomain, count: lines.length - receipts.length });
    const kept = receipts.slice(0, LIMITS.agentReceipts.value);
    this.#rewrite(kept);
    return kept;
  }

  /** Throws `RECEIPTS_NOT_KEPT` when they cannot be written: the disk is full, or gone. */
  append(receipts: readonly StampedReceipt[]): void {
    this.#write(Buffer.from(this.#lead + receipts.map(({ json }) => `${json}\n`).join('')));
    this.#lead = '';
  }

  /** Writes what says nothing and takes it back. Throws as `append`. */
  assertWritable(): void {
    const before = this.#bytes;
    this.#write(Buffer.alloc(LIMITS.diskFreeBytes.value, '\n'));
    this.#cutTo(before);
  }

  /** What is left after the server confirmed some. */
  confirmed(left: readonly StampedReceipt[]): void {
    const leftBytes = left.reduce((sum, { bytes }) => sum + bytes + 1, 0);
    if (left.length === 0) this.#cutTo(0);
    else if (this.#bytes - leftBytes > COMPACT_BYTES) this.#rewrite(left);
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(lines: Buffer): void {
    const before = this.#bytes;
    try {
      for (let at = 0; at < lines.length; ) at += writeSync(this.#file, lines, at);
      this.#bytes += lines.length;
    } catch (cause) {
      this.#cutTo(before);
      throw new Fault('RECEIPTS_NOT_KEPT', 'receipts cannot be kept at the moment', { cause });
    }
  }

  #cutTo(bytes: number): void {
    try {
      ftruncateSync(this.#file, bytes);
      this.#bytes = bytes;
    } catch (error) {
      this.#lead = '\n';
      this.#log.error('receipts on disk not cut', { error });
    }
  }

  #rewrite(receipts: readonly StampedReceipt[]): void {
    try {
      const text = receipts.map(({ json }) => `${json}\n`).join('');
      writeFileSync(`${this.#path}.new`, text, { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
      closeSync(this.#file);
      this.#file = openSync(this.#path, 'a', 0o600);
      this.#bytes = Buffer.byteLength(text);
      this.#lead = '';
    } catch (error) {
      this.#log.error('receipts on disk not written anew', { error });
    }
  }
}
