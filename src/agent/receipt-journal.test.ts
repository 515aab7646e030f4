import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fault, faultCode, LIMITS, silentLog } from '#kernel';
import { Outbox } from './outbox.ts';
import { readStamped, type StampedReceipt } from './receipt.ts';
import { ReceiptJournal } from './receipt-journal.ts';

const receipt = (id: string, trustDomain = 'bank-a'): StampedReceipt => {
  const json = JSON.stringify({ id, trustDomain });
  return { id, trustDomain, json, bytes: Buffer.byteLength(json) };
};

function withPath(run: (path: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'journal-'));
  return run(join(directory, 'receipts', 'bank-a.jsonl')).finally(() => rmSync(directory, { recursive: true }));
}

/** A server that is away until it is told otherwise. */
class Sink {
  readonly name = 'bank-a';
  readonly took: string[] = [];
  away = true;

  async report(receiptsJson: readonly string[]): Promise<void> {
    if (this.away) throw new Fault('IDENTITY_UNAVAILABLE', 'away');
    this.took.push(...receiptsJson.map((json) => JSON.parse(json).id));
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'deadline passed');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('a journal that cannot be written anew loses nothing: neither to a look whether the disk takes anything nor to a line that was cut off', () =>
  withPath(async (path) => {
    const kept = ['\u00e4\u00f6\u00fc', '2'].map((id) => receipt(id));
    new ReceiptJournal(path, silentLog).append(kept.slice(0, 1));
    appendFileSync(path, '{"id":"cut off');
    mkdirSync(`${path}.new`);
    const journal = new ReceiptJournal(path, silentLog);
    journal.load('bank-a');
    journal.assertWritable();
    journal.append(kept.slice(1));
    journal.close();
    assert.deepEqual(new ReceiptJournal(path, silentLog).load('bank-a'), kept);
  }));

test('receipts that the server did not confirm are sent by the next process, once, and the file is empty then', () =>
  withPath(async (path) => {
    const sink = new Sink();
    const killed = new Outbox(sink, silentLog, { journal: new ReceiptJournal(path, silentLog) });
    killed.add([receipt('1'), receipt('2')]);
    killed.add([receipt('3')]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    // What the process was writing when it was killed, and what is none of its own.
    appendFileSync(path, `${receipt('x', 'bank-b').json}\n{"id":"4","trustDo`);
    const next = new Outbox(sink, silentLog, { journal: new ReceiptJournal(path, silentLog) });
    assert.equal(next.size, 3);
    sink.away = false;
    next.start();
    await until(() => next.size === 0);
    assert.deepEqual(sink.took, ['1', '2', '3']);
    assert.equal(readFileSync(path, 'utf8'), '');
    await next.close();
    sink.away = true;
    await killed.close();
  }));

test('when nothing more can be kept: `deny` refuses, `drop` counts and goes on', () =>
  withPath(async (path) => {
    const journal = new ReceiptJournal(path, silentLog);
    const denying = new Outbox(new Sink(), silentLog, { journal });
    const full = Array.from({ length: LIMITS.agentReceipts.value + 1 }, (_, at) => receipt(`${at}`));
    assert.throws(
      () => denying.add(full),
      (error) => faultCode(error) === 'LIMIT_EXCEEDED',
    );
    await denying.close();
    // The disk is gone: as good as full.
    const broken = new Outbox(new Sink(), silentLog, { journal });
    assert.throws(
      () => broken.add([receipt('1')]),
      (error) => faultCode(error) === 'RECEIPTS_NOT_KEPT',
    );
    const dropping = new Outbox(new Sink(), silentLog, { whenFull: 'drop' });
    assert.equal(dropping.hasRoom(full), true);
    dropping.add(full);
    dropping.add([receipt('1')]);
    assert.deepEqual([dropping.dropped, dropping.size], [full.length, 1]);
    await dropping.close();
  }));

test('a disk that takes no receipt is told of until it takes one again, and what was tried leaves nothing behind', () =>
  withPath(async (path) => {
    const journal = new ReceiptJournal(path, silentLog);
    let isFull = false;
    const write = journal.append.bind(journal);
    const unkept = (): never => {
      throw new Fault('RECEIPTS_NOT_KEPT', 'ENOSPC');
    };
    journal.append = (receipts) => (isFull ? unkept() : write(receipts));
    const look = journal.assertWritable.bind(journal);
    journal.assertWritable = () => (isFull ? unkept() : look());
    const sink = new Sink();
    sink.away = true;
    const outbox = new Outbox(sink, silentLog, { journal });
    outbox.add([receipt('1')]);
    assert.equal(outbox.trouble(), undefined);
    isFull = true;
    assert.throws(() => outbox.add([receipt('2')]));
    assert.equal(outbox.trouble()?.code, 'RECEIPTS_NOT_KEPT');
    isFull = false;
    assert.equal(outbox.trouble(), undefined);
    assert.equal(readFileSync(path, 'utf8'), `${receipt('1').json}\n`);
    await outbox.close();
  }));

test('what is read back is a receipt of the trust domain or nothing', () => {
  assert.equal(readStamped(receipt('1').json, 'bank-a')?.id, '1');
  for (const bad of ['', '{', '[]', 'null', '{"id":1,"trustDomain":"bank-a"}', receipt('1', 'bank-b').json])
    assert.equal(readStamped(bad, 'bank-a'), undefined);
});
