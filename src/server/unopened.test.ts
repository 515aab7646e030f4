import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { faultCode, ManualClock, silentLog, systemRandom } from '#kernel';
import { createClient } from '#rpc';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { pemCertificates } from '#x509';
import { forge } from '../../test/forge/certificate.ts';
import { planDocuments } from './documents.ts';
import { startServer } from './index.ts';
import { State } from './state.ts';

const clock = () => new ManualClock(Date.UTC(2026, 0, 1));
const times = { notBefore: Date.UTC(2025, 0, 1), notAfter: Date.UTC(2027, 0, 1) };
const documents = ['bank-a', 'bank-b'].map((name) =>
  JSON.stringify({ apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name }, spec: {} }),
);

interface House {
  readonly now: ManualClock;
  readonly directory: string;
  open(): Promise<State>;
  /** The upstream authority of bank-b comes to be. */
  arrive(): void;
}

async function inHouse(run: (house: House) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'unopened-'));
  const [certFile, keyFile] = [join(directory, 'ca.pem'), join(directory, 'ca.key')];
  const now = clock();
  const options = { dataDir: join(directory, 'data'), clock: now, random: systemRandom, log: silentLog };
  const upstream = { 'bank-b': { kind: 'disk', certFile, keyFile } } as const;
  const arrive = (): void => {
    const { der, key } = forge({ ca: true, ...times });
    writeFileSync(certFile, pemCertificates([der]));
    writeFileSync(keyFile, String(key.export({ type: 'pkcs8', format: 'pem' })));
  };
  try {
    await run({ now, directory, open: () => State.open({ ...options, authority: { upstream } }), arrive });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function apply(state: State): Promise<void> {
  for (const [name, changes] of planDocuments(documents, []).changes) await state.commit(name, changes, 'test');
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 5000; !holds(); await turn())
    assert.ok(performance.now() < deadline, 'deadline passed');
}

test('one trust domain whose upstream authority is away stops no other: it says why, and opens when the upstream is there', () =>
  inHouse(async ({ now, open, arrive }) => {
    let state = await open();
    await apply(state);
    // A first start, and one after it.
    for (let start = 0; start < 2; start++) {
      assert.deepEqual(
        state.unopened().map(({ name, fault }) => [name, fault.code]),
        [['bank-b', 'UPSTREAM_AUTHORITY_UNAVAILABLE']],
      );
      const troubles = [await state.troubleOf('bank-a'), await state.troubleOf('bank-b')];
      assert.deepEqual(troubles.map(faultCode), [undefined, 'UPSTREAM_AUTHORITY_UNAVAILABLE']);
      assert.throws(
        () => state.trustDomain('bank-b'),
        (error) => faultCode(error) === 'UPSTREAM_AUTHORITY_UNAVAILABLE',
      );
      await state.close();
      state = await open();
    }
    let told = 0;
    state.onTrustDomains(async () => void told++);
    arrive();
    assert.equal(state.unopened().length, 1);
    now.advance(1000);
    await until(() => told === 1);
    assert.deepEqual(state.unopened(), []);
    assert.equal(await state.troubleOf('bank-b'), undefined);
    await state.close();
  }));

test('the status of the server is red and names the trust domain that is not open; join tokens of the other are made', () =>
  inHouse(async ({ directory }) => {
    const missing = join(directory, 'none');
    const upstream = { 'bank-b': { kind: 'disk', certFile: missing, keyFile: missing } } as const;
    const adminSocket = join(directory, 'a.sock');
    const ports = { clock: clock(), random: systemRandom, log: silentLog };
    const sync = { host: '127.0.0.1', port: 0 };
    const dataDir = join(directory, 'data');
    const server = await startServer({ dataDir, adminSocket, sync, authority: { upstream }, ...ports });
    const admin = createClient(AdminDefinition, { socketPath: adminSocket });
    try {
      const applied = await admin.apply({ documentsJson: documents, dryRun: false });
      assert.deepEqual(applied.problems, []);
      const { healthy, trustDomains } = await admin.status({});
      assert.equal(healthy, false);
      assert.deepEqual(
        trustDomains.map(({ name, code }) => `${name} ${code}`),
        ['bank-a ', 'bank-b UPSTREAM_AUTHORITY_UNAVAILABLE'],
      );
      await admin.createJoinToken({ trustDomain: 'bank-a', ttlSeconds: 60, spiffeId: '' });
      assert.notEqual(server.spire('bank-a'), undefined);
      assert.equal(server.spire('bank-b'), undefined);
    } finally {
      await admin.close();
      await server.close();
    }
  }));

test('it is tried again later each time, a minute apart at the most, and no more once it is removed', () =>
  inHouse(async ({ now, open, arrive }) => {
    const state = await open();
    await apply(state);
    const faults = new Set<unknown>();
    for (let minute = 0; minute < 10; minute++) {
      const before = state.unopened()[0]?.fault;
      faults.add(before);
      now.advance(60_000);
      await until(() => state.unopened()[0]?.fault !== before);
    }
    assert.equal(faults.size, 10);
    await state.commit('bank-b', [{ kind: 'TrustDomain', key: 'bank-b', body: null }], 'test');
    assert.deepEqual(state.unopened(), []);
    arrive();
    now.advance(120_000);
    await turn();
    assert.throws(
      () => state.trustDomain('bank-b'),
      (error) => faultCode(error) === 'NOT_FOUND',
    );
    await state.close();
  }));

test('what no waiting mends still stops the start: keys that are sealed by another passphrase', () =>
  inHouse(async ({ now, directory, open, arrive }) => {
    arrive();
    const state = await open();
    await apply(state);
    await state.close();
    const passphraseFile = join(directory, 'passphrase');
    writeFileSync(passphraseFile, 'correct horse');
    const sealed = { keys: { kind: 'disk', passphraseFile } } as const;
    const options = { dataDir: join(directory, 'sealed'), clock: now, random: systemRandom, log: silentLog };
    const first = await State.open({ ...options, authority: sealed });
    await apply(first);
    await first.close();
    writeFileSync(passphraseFile, 'battery staple');
    await assert.rejects(
      State.open({ ...options, authority: sealed }),
      (error) => faultCode(error) === 'KEY_UNREADABLE',
    );
  }));
