import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Fault, faultCode, ManualClock, silentLog, systemRandom } from '#kernel';
import { Ledger, type LedgerRecord, type LedgerStore } from '#ledger';
import { type Commit, MemoryStore, Registry } from '#registry';
import { Health } from './health.ts';
import { Pulses } from './pulses.ts';
import { Recorder } from './recorder.ts';

const LOOK = 2000;

/** A disk whose writes fail while something is the matter with it. */
class Disk {
  trouble: Fault | undefined;
  /** Questions and writes of any kind, since it was asked last. */
  #asked = 0;

  write(): void {
    if (this.trouble !== undefined) throw this.trouble;
  }

  ask(): void {
    this.#asked++;
  }

  asked(): number {
    const asked = this.#asked;
    this.#asked = 0;
    return asked;
  }
}

class StoreOnDisk extends MemoryStore {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    super();
    this.#disk = disk;
  }

  override async commit(commit: Commit): Promise<boolean> {
    this.#disk.ask();
    this.#disk.write();
    return super.commit(commit);
  }

  override async pendingReceipts(limit: number) {
    this.#disk.ask();
    return super.pendingReceipts(limit);
  }
}

function ledgerOn(disk: Disk): LedgerStore & { readonly records: LedgerRecord[] } {
  const records: LedgerRecord[] = [];
  const of = (trustDomain: string) => records.filter((record) => record.trustDomain === trustDomain);
  return {
    records,
    last: async (trustDomain) => of(trustDomain).at(-1),
    append: async (more) => {
      disk.ask();
      disk.write();
      records.push(...more);
    },
    known: async (trustDomain, ids) => {
      disk.ask();
      return of(trustDomain).filter(({ receiptId }) => ids.includes(receiptId));
    },
    find: async () => [],
    recent: async () => [],
    read: async (trustDomain, from, limit) => of(trustDomain).slice(from, from + limit),
    trustDomains: async () => ['bank-a'],
    close: async () => undefined,
  };
}

async function withServer(
  run: (house: {
    readonly clock: ManualClock;
    /** Of the registry, and of the ledger. */
    readonly disk: Disk;
    readonly ledgerDisk: Disk;
    readonly free: { trouble: Fault | undefined };
    readonly keys: { trouble: Fault | undefined; probes: number };
    readonly registry: Registry;
    readonly recorder: Recorder;
    readonly ledger: Ledger;
    readonly actions: () => readonly string[];
    readonly health: Health;
    readonly code: () => string | undefined;
    /** Lets two seconds pass, and what they begin end. */
    readonly look: () => Promise<void>;
    readonly pulses: (wake: () => void) => Pulses;
  }) => Promise<void>,
): Promise<void> {
  const clock = new ManualClock();
  const [disk, ledgerDisk] = [new Disk(), new Disk()];
  const free: { trouble: Fault | undefined } = { trouble: undefined };
  const keys: { trouble: Fault | undefined; probes: number } = { trouble: undefined, probes: 0 };
  const ledgerStore = ledgerOn(ledgerDisk);
  const ledger = new Ledger(ledgerStore);
  const recorder = new Recorder(ledger, clock, systemRandom);
  const common = { clock, random: systemRandom, log: silentLog };
  const registry = await Registry.open({ store: new StoreOnDisk(disk), receipts: recorder, ...common });
  const probe = async (): Promise<void> => void keys.probes++;
  const hosted = { name: 'bank-a', authority: { trouble: () => keys.trouble }, probe };
  const health = new Health({
    ...{ clock, log: silentLog, registry, ledger, recorder },
    hosted: () => [hosted],
    disk: async () => free.trouble,
  });
  const look = async (): Promise<void> => {
    clock.advance(LOOK);
    for (let turns = 0; turns < 50; turns++) await turn();
  };
  const actions = () => ledgerStore.records.map(({ body }) => String(JSON.parse(body).action));
  const code = () => health.troubleOf(hosted)?.code;
  const pulses = (wake: () => void) => new Pulses(clock, health, hosted, wake);
  await registry.commit('bank-a', [{ kind: 'TrustDomain', key: 'bank-a', body: { name: 'bank-a' } }], 'test');
  await run({ clock, disk, ledgerDisk, free, keys, registry, recorder, ledger, actions, health, code, look, pulses });
  await health.close();
  await registry.close();
}

const note = (recorder: Recorder, action: string) =>
  recorder.note({ kind: 'identity', trustDomain: 'bank-a', effect: 'allow', code: 'ALLOWED', action });
const full = new Fault('STORE_UNAVAILABLE', 'the disk of the database is full');

test('a steady server asks nothing of its store, however long it is looked at', () =>
  withServer(async ({ disk, ledgerDisk, code, look, keys }) => {
    await look();
    disk.asked();
    ledgerDisk.asked();
    for (let times = 0; times < 30; times++) {
      await look();
      assert.equal(code(), undefined);
    }
    assert.deepEqual([disk.asked(), ledgerDisk.asked(), keys.probes], [0, 0, 0]);
  }));

for (const errno of ['ENOSPC', 'EROFS'])
  test(`${errno} at the ledger: what has no receipt does not happen, health is red until there is room, and the ledger says so once`, () =>
    withServer(async ({ ledgerDisk, recorder, ledger, actions, code, look }) => {
      ledgerDisk.trouble = new Fault('STORE_UNAVAILABLE', 'not written', { cause: { code: errno } });
      await assert.rejects(note(recorder, 'lost'), (error) => faultCode(error) === 'STORE_UNAVAILABLE');
      assert.equal(code(), 'STORE_UNAVAILABLE');
      for (let times = 0; times < 5; times++) await look();
      assert.equal(code(), 'STORE_UNAVAILABLE');
      ledgerDisk.trouble = undefined;
      await look();
      await look();
      assert.equal(code(), undefined);
      await note(recorder, 'kept');
      assert.deepEqual(actions(), ['TrustDomain:put', 'ledger:resume', 'kept']);
      for (const { brokenAt } of await ledger.verify()) assert.equal(brokenAt, undefined);
      // Whoever fails again tells again.
      ledgerDisk.trouble = full;
      await assert.rejects(note(recorder, 'lost again'));
      ledgerDisk.trouble = undefined;
      await look();
      await look();
      assert.deepEqual(actions().slice(3), ['ledger:resume']);
    }));

test('an interruption that ended by itself between two looks stands in the ledger all the same', () =>
  withServer(async ({ ledgerDisk, recorder, actions, look }) => {
    ledgerDisk.trouble = full;
    await assert.rejects(note(recorder, 'lost'));
    await look();
    ledgerDisk.trouble = undefined;
    await note(recorder, 'kept');
    for (let times = 0; times < 3; times++) await look();
    assert.deepEqual(actions().slice(1).sort(), ['kept', 'ledger:resume']);
  }));

test('receipts of a commit that the ledger did not take follow by themselves when it can be written, each once', () =>
  withServer(async ({ ledgerDisk, registry, actions, look }) => {
    ledgerDisk.trouble = full;
    const change = { kind: 'Service', key: 'default/a', body: { name: 'a' } } as const;
    await assert.rejects(registry.commit('bank-a', [change], 'test'));
    for (let times = 0; times < 3; times++) await look();
    ledgerDisk.trouble = undefined;
    for (let times = 0; times < 3; times++) await look();
    assert.deepEqual(
      actions().filter((action) => action === 'Service:put'),
      ['Service:put'],
    );
  }));

test('a registry that cannot be written turns health red, and green by itself', () =>
  withServer(async ({ disk, registry, code, look, actions }) => {
    disk.trouble = full;
    const change = { kind: 'Service', key: 'default/a', body: { name: 'a' } } as const;
    await assert.rejects(registry.commit('bank-a', [change], 'test'));
    assert.equal(code(), 'STORE_UNAVAILABLE');
    await look();
    assert.equal(code(), 'STORE_UNAVAILABLE');
    disk.trouble = undefined;
    await look();
    await look();
    assert.equal(code(), undefined);
    assert.equal(actions().includes('Service:put'), false, 'what failed did not happen');
  }));

test('a full disk turns health red before anything was to be written, and is left alone', () =>
  withServer(async ({ free, disk, code, look }) => {
    free.trouble = new Fault('DISK_FULL', 'the disk of the store is full');
    disk.asked();
    await look();
    assert.equal(code(), 'DISK_FULL');
    assert.equal(disk.asked(), 0);
    free.trouble = undefined;
    await look();
    assert.equal(code(), undefined);
  }));

test('a key manager that does not sign is tried until it does', () =>
  withServer(async ({ keys, code, look }) => {
    keys.trouble = new Fault('KEY_SERVICE_UNAVAILABLE', 'away');
    await look();
    assert.equal(code(), 'KEY_SERVICE_UNAVAILABLE');
    assert.equal(keys.probes, 1);
    keys.trouble = undefined;
    await look();
    assert.equal(keys.probes, 1);
  }));

test('a stream has a pulse at once, every two seconds, and when health changes', () =>
  withServer(async ({ clock, keys, look, pulses }) => {
    let woken = 0;
    const stream = pulses(() => woken++);
    assert.deepEqual(stream.next(), { canIssue: true, code: '', message: '', now: BigInt(clock.now()) });
    assert.equal(stream.next(), undefined);
    clock.advance(1999);
    assert.equal(stream.next(), undefined);
    assert.equal(woken, 0);
    keys.trouble = new Fault('KEY_SERVICE_UNAVAILABLE', 'away');
    await look();
    assert.ok(woken > 0);
    const { canIssue, code, message } = stream.next() ?? {};
    assert.deepEqual([canIssue, code, message], [false, 'KEY_SERVICE_UNAVAILABLE', 'away']);
    await stream.close();
    woken = 0;
    keys.trouble = undefined;
    await look();
    assert.equal(woken, 0, 'a stream that has ended is left alone');
  }));
