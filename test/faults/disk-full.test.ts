import assert from 'node:assert/strict';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { House, hasOwnDisks } from './house.ts';

const skip = hasOwnDisks()
  ? false
  : 'this account may not mount a file system of its own (unshare --map-root-user --mount)';
const DISK_KB = 8192;
const HEAL_MILLIS = 60_000;
const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

/** Takes whatever room is left, down to the last block. */
function fill(file: string): void {
  for (const bytes of [1024 * 1024, 64 * 1024, 4096])
    try {
      for (;;) writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' });
    } catch (error) {
      assert.equal(Object(error).code, 'ENOSPC');
    }
}

/** Audiences of the tokens that a server which stands still has receipts of, and the codes after which it says that its ledger could be written again. */
function receiptsOf(house: House) {
  for (const name of ['ledger.db', 'ledger.db-wal'])
    copyFileSync(house.onServerDisk(name), join(house.directory, name));
  const ledger = new DatabaseSync(join(house.directory, 'ledger.db'));
  const [tokens, resumed]: [string[], string[]] = [[], []];
  for (const { body } of ledger.prepare('SELECT body FROM record').all()) {
    const { action, detail } = JSON.parse(String(body));
    if (action === 'jwt-svid:issue' && /^audience-/.test(detail.audience)) tokens.push(String(detail.audience));
    if (action === 'ledger:resume') resumed.push(String(detail.after));
  }
  ledger.close();
  return { tokens, resumed };
}

test('the disk of the server is full: red within seconds, nothing is issued without its receipt, what runs goes on, and all heals when there is room', {
  skip,
}, async () => {
  const house = await House.open({ serverDiskKb: DISK_KB });
  const workload = createClient(SpiffeWorkloadAPIDefinition, {
    dial: () => dialUnix(house.workloadSocket('one')),
    metadata: { 'workload.spiffe.io': 'true' },
  });
  const issued: string[] = [];
  let asked = 0;
  /** A token that nobody has asked for before. */
  const issue = async (): Promise<boolean> => {
    const audience = `audience-${asked++}`;
    try {
      const { svids } = await workload.fetchJWTSVID({ audience: [audience], spiffeId: '' });
      assert.equal(svids.length, 1);
      issued.push(audience);
      return true;
    } catch {
      return false;
    }
  };
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    for (const deadline = performance.now() + HEAL_MILLIS; !(await holds()); await pause(100))
      assert.ok(performance.now() < deadline, house.logs());
  };
  try {
    await house.warm();
    assert.equal(await issue(), true);

    fill(house.onServerDisk('filler'));
    await Promise.all([house.until('one', 'red', HEAL_MILLIS), house.until('two', 'red', HEAL_MILLIS)]);
    const { status, screen } = await house.command('status');
    assert.equal(status, 69, screen);
    assert.match(screen, /server cannot issue in bank-a: DISK_FULL/);
    assert.match(screen, /agent cannot issue in bank-a: DISK_FULL/);
    // The log that is written ahead may have room left; when it has none, nothing is given out.
    await until(async () => !(await issue()));
    for (let times = 0; times < 5; times++) assert.equal(await issue(), false);
    const meanwhile = await house.tally();
    assert.deepEqual(meanwhile.failures, {}, house.logs());
    assert.ok(meanwhile.calls > 0);

    rmSync(house.onServerDisk('filler'));
    await Promise.all([house.until('one', 'green', HEAL_MILLIS), house.until('two', 'green', HEAL_MILLIS)]);
    await until(issue);
    const verified = await house.command('ledger', 'verify');
    assert.equal(verified.status, 0, verified.screen);
    const after = await house.tally();
    assert.deepEqual(after.failures, {}, house.logs());

    house.signal('server', 'SIGSTOP');
    const { tokens, resumed } = receiptsOf(house);
    assert.deepEqual(tokens.sort(), issued.sort(), 'each that was given out has one receipt, no other has one');
    assert.deepEqual(resumed, ['STORE_UNAVAILABLE'], 'the ledger says once that it could not be written');
  } finally {
    await workload.close();
    await house.close();
  }
});
