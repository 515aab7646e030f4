import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Receipt } from '#chain';
import { Fault, faultCode, LIMITS, Lifecycle, ManualClock, silentLog, systemRandom, unixSeconds } from '#kernel';
import { createClient } from '#rpc';
import { revocationKey } from '#wire';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { RevocationsDefinition } from '#wire/gen/hauberk_revocations';
import { planDocuments } from './documents.ts';
import { startServer } from './index.ts';
import { putRevocation } from './put-revocation.ts';
import { RevocationExpiry } from './revocation-expiry.ts';
import { State } from './state.ts';

const ALICE = 'spiffe://bank-a/user/1';
const document = JSON.stringify({
  apiVersion: 'hauberk.dev/v1',
  kind: 'TrustDomain',
  metadata: { name: 'bank-a' },
  spec: {},
});
const subject = { trustDomain: 'bank-a', kind: 'user', value: ALICE };

async function withServer(run: (house: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<void> {
  const life = new Lifecycle();
  try {
    await run(await open(life));
  } finally {
    await life.close();
  }
}

async function open(life: Lifecycle) {
  const directory = mkdtempSync(join(tmpdir(), 'rev-'));
  life.defer(() => rmSync(directory, { recursive: true }));
  const socketPath = join(directory, 'a.sock');
  const clock = new ManualClock();
  const ports = { clock, random: systemRandom, log: silentLog };
  const sync = { host: '127.0.0.1', port: 0 };
  life.own(await startServer({ dataDir: join(directory, 'data'), adminSocket: socketPath, sync, ...ports }));
  const admin = life.own(createClient(AdminDefinition, { socketPath }));
  await admin.apply({ documentsJson: [document], dryRun: false });
  const revocations = life.own(createClient(RevocationsDefinition, { socketPath }));
  const receiptsOf = async (action: string): Promise<readonly Receipt[]> => {
    const { receiptsJson } = await admin.receipts({ limit: 100, kind: 'registry', effect: '' });
    return receiptsJson.map((json): Receipt => JSON.parse(json)).filter((receipt) => receipt.action === action);
  };
  return { clock, revocations, receiptsOf };
}

const refused = (asked: Promise<unknown>, code: string): Promise<void> =>
  assert.rejects(asked, (error) => faultCode(error) === code);

test('what is revoked is listed with reason and end, and restored once; each leaves a receipt of the operator', () =>
  withServer(async ({ clock, revocations, receiptsOf }) => {
    const expiresAt = BigInt(unixSeconds(clock) + 60);
    await revocations.revoke({ ...subject, reason: 'stolen laptop', expiresAt });
    const { revocations: listed } = await revocations.list({ trustDomain: '' });
    const revokedAt = BigInt(unixSeconds(clock));
    assert.deepEqual(listed, [{ ...subject, reason: 'stolen laptop', revokedAt, expiresAt }]);
    const [put] = await receiptsOf('Revocation:put');
    assert.equal(put?.resource, `user:${ALICE}`);
    assert.equal(put?.detail?.reason, 'stolen laptop');
    assert.match(put?.proof ?? '', /^operator uid \d+ pid \d+$/);
    await revocations.restore(subject);
    assert.deepEqual((await revocations.list({ trustDomain: 'bank-a' })).revocations, []);
    await refused(revocations.restore(subject), 'NOT_FOUND');
    assert.equal((await receiptsOf('Revocation:delete')).length, 1);
  }));

test('what is revoked again counts from now: tokens of the time between are refused too', () =>
  withServer(async ({ clock, revocations }) => {
    await revocations.revoke({ ...subject, reason: 'first', expiresAt: 0n });
    clock.advance(5000);
    await revocations.revoke({ ...subject, reason: '', expiresAt: 0n });
    const { revocations: listed } = await revocations.list({ trustDomain: 'bank-a' });
    assert.deepEqual(
      listed.map(({ revokedAt, reason }) => [Number(revokedAt), reason]),
      [[unixSeconds(clock), '']],
    );
  }));

test('what cannot be met is refused: other kinds, users elsewhere, key ids of nobody, an end that has passed', () =>
  withServer(async ({ clock, revocations }) => {
    const revoke = (change: object) => revocations.revoke({ ...subject, reason: '', expiresAt: 0n, ...change });
    await refused(revoke({ kind: 'agent' }), 'ARGUMENT_INVALID');
    await refused(revoke({ value: 'spiffe://bank-b/user/1' }), 'REVOCATION_INVALID');
    await refused(revoke({ kind: 'workload' }), 'REVOCATION_INVALID');
    await refused(revoke({ kind: 'minter', value: 'unknown-key' }), 'NOT_FOUND');
    await refused(revoke({ trustDomain: 'bank-z' }), 'NOT_FOUND');
    await refused(revoke({ expiresAt: BigInt(unixSeconds(clock)) }), 'REVOCATION_INVALID');
    assert.deepEqual((await revocations.list({ trustDomain: 'bank-a' })).revocations, []);
  }));

test('a revocation leaves the registry when it expires, also over a restart; one without an end stays', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rev-'));
  const clock = new ManualClock();
  const begin = async () => {
    const state = await State.open({ dataDir, clock, random: systemRandom, log: silentLog });
    return { state, expiry: new RevocationExpiry({ state, clock, log: silentLog }) };
  };
  const end = async ({ state, expiry }: Awaited<ReturnType<typeof begin>>): Promise<void> => {
    await expiry.close();
    await state.close();
  };
  const keys = ({ state }: Awaited<ReturnType<typeof begin>>): readonly string[] =>
    state.registry.list('Revocation', 'bank-a').map(({ key }) => key);
  let running = await begin();
  try {
    for (const [name, changes] of planDocuments([document], []).changes)
      await running.state.commit(name, changes, 'test');
    const revokedAt = unixSeconds(clock);
    const of = (value: string, more: object = {}) => {
      const body = { kind: 'session', value, revokedAt, ...more };
      return { kind: 'Revocation', key: `session:${value}`, body } as const;
    };
    const some = [of('short', { expiresAt: revokedAt + 10 }), of('long', { expiresAt: revokedAt + 20 }), of('ever')];
    await running.state.commit('bank-a', some, 'test');
    clock.advance(9_999);
    assert.equal(keys(running).length, 3);
    clock.advance(1);
    await until(() => keys(running).length === 2);
    await end(running);
    clock.advance(30_000);
    running = await begin();
    assert.deepEqual(keys(running), ['session:long', 'session:ever']);
    clock.advance(0);
    await until(() => keys(running).length === 1);
    assert.deepEqual(keys(running), ['session:ever']);
  } finally {
    await end(running);
    rmSync(dataDir, { recursive: true });
  }
});

test('a trust domain whose expired revocations cannot be taken away holds up those of no other', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rev-'));
  const clock = new ManualClock();
  const state = await State.open({ dataDir, clock, random: systemRandom, log: silentLog });
  const other = document.replaceAll('bank-a', 'bank-b');
  const commit = state.commit.bind(state);
  try {
    for (const [name, changes] of planDocuments([document, other], []).changes)
      await state.commit(name, changes, 'test');
    const revokedAt = unixSeconds(clock);
    const body = { kind: 'session', value: 's', revokedAt, expiresAt: revokedAt + 10 } as const;
    for (const name of ['bank-a', 'bank-b'])
      await state.commit(name, [{ kind: 'Revocation', key: revocationKey(body), body }], 'test');
    state.commit = (name, ...more) =>
      name === 'bank-a' ? Promise.reject(new Fault('STORE_CONTENDED', 'not now')) : commit(name, ...more);
    const expiry = new RevocationExpiry({ state, clock, log: silentLog });
    clock.advance(10_000);
    await until(() => state.registry.list('Revocation').length === 1);
    state.commit = commit;
    clock.advance(30_000);
    await until(() => state.registry.list('Revocation').length === 0);
    await expiry.close();
  } finally {
    await state.close();
    rmSync(dataDir, { recursive: true });
  }
});

test('more revocations than may stand at once are refused; what is revoked can be revoked again', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rev-'));
  const state = await State.open({ dataDir, clock: new ManualClock(), random: systemRandom, log: silentLog });
  try {
    for (const [name, changes] of planDocuments([document], []).changes) await state.commit(name, changes, 'test');
    const of = (value: string, revokedAt: number) => ({ kind: 'session', value, revokedAt }) as const;
    const many = Array.from({ length: LIMITS.revocations.value }, (_, at) => of(`s${at}`, 1));
    await state.registry.commit(
      'bank-a',
      many.map((body) => ({ kind: 'Revocation', key: revocationKey(body), body })),
    );
    const put = (value: string) =>
      state.commit('bank-a', (draft) => putRevocation(state.registry, draft, 'bank-a', of(value, 2)), 'test');
    await refused(put('one-more'), 'LIMIT_EXCEEDED');
    await put('s0');
  } finally {
    await state.close();
    rmSync(dataDir, { recursive: true });
  }
});

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 5000; !holds(); await turn())
    assert.ok(performance.now() < deadline, 'deadline passed');
}
