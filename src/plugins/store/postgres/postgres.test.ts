import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Receipt } from '#chain';
import { faultCode, silentLog, systemClock, systemRandom } from '#kernel';
import { Ledger } from '#ledger';
import { type AgentRecord, Registry, type ResourceChange, storeContract } from '#registry';
import type { PostgresAddress } from './address.ts';
import { openPostgres } from './index.ts';
import { proxyTo, testServer } from './postgres.harness.ts';

const server = await testServer();
const open = (address: PostgresAddress) =>
  openPostgres({ address, clock: systemClock, random: systemRandom, log: silentLog });

const rules = storeContract(async () => {
  const address = await server.database();
  return {
    open: async () => {
      const { store, ledgerStore } = await open(address);
      await ledgerStore.close();
      return store;
    },
    remove: async () => undefined,
  };
});
for (const { name, run } of rules) test(`postgres: ${name}`, run);

const domain: ResourceChange = { kind: 'TrustDomain', key: 'bank-a', body: { name: 'bank-a', userPath: '/user/' } };
const entry = (id: string, extra: object = {}): ResourceChange => ({
  kind: 'Entry',
  key: id,
  body: {
    id,
    spiffeId: `spiffe://bank-a/${id}`,
    parentId: 'spiffe://bank-a/node/local',
    selectors: ['unix:uid:1'],
    ...extra,
  },
});
const agent = (id: string): AgentRecord => ({
  id: `spiffe://bank-a/spire/agent/join_token/${id}`,
  trustDomain: 'bank-a',
  attestationType: 'join_token',
  selectors: [],
  canReattest: false,
  banned: false,
  serial: '01',
  expiresAt: 1,
});
const receipt = (id: string): Receipt => ({
  id: id.padStart(32, '0'),
  txn: 'a'.repeat(32),
  span: id.padStart(16, '0'),
  kind: 'service',
  trustDomain: 'bank-a',
  effect: 'allow',
  code: 'ALLOWED',
  startedAt: '2026-01-01T00:00:00.000Z',
  durationUs: 1,
});

interface TestedServer {
  readonly registry: Registry;
  readonly ledger: Ledger;
  close(): Promise<void>;
}

async function serve(address: PostgresAddress): Promise<TestedServer> {
  const { store, ledgerStore } = await open(address);
  const registry = await Registry.open({ store, clock: systemClock, random: systemRandom });
  const close = async (): Promise<void> => {
    await registry.close();
    await store.close();
    await ledgerStore.close();
  };
  return { registry, ledger: new Ledger(ledgerStore), close };
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 15_000; !holds(); await pause(5))
    assert.ok(performance.now() < deadline, 'deadline passed');
}

const won = (results: readonly PromiseSettledResult<unknown>[]) =>
  results.filter(({ status }) => status === 'fulfilled').length;

test('servers that start at once on an empty database bring its schema up once', async () => {
  const address = await server.database();
  const servers = await Promise.all([0, 1, 2, 3].map(() => serve(address)));
  await Promise.all(servers.map(({ close }) => close()));
  assert.deepEqual(await server.query(address, 'SELECT version FROM hauberk.schema'), [{ version: 1 }]);
});

test('a database of a newer version is refused with a sentence, and an unreachable one as unavailable', async () => {
  const address = await server.database();
  await (await serve(address)).close();
  await server.query(address, 'UPDATE hauberk.schema SET version = 99');
  await assert.rejects(open(address), (error) => faultCode(error) === 'STORE_SCHEMA_NEWER');
  for (const wrong of [{ port: 1 }, { user: 'nobody' }, { database: 'none' }])
    await assert.rejects(open({ ...address, ...wrong }), (error) => faultCode(error) === 'STORE_UNAVAILABLE');
});

test('what one server commits, the others hear of; steady state asks the database nothing', async () => {
  const address = await server.database();
  const [one, proxy] = [await serve(address), await proxyTo(address)];
  const two = await serve(proxy.address);
  await one.registry.commit('bank-a', [domain, entry('a')]);
  await until(() => two.registry.revision('bank-a') === 1);
  await two.registry.commit('bank-a', [entry('b')]);
  await until(() => one.registry.revision('bank-a') === 2);
  await one.registry.putAgent(agent('x'));
  await until(() => two.registry.findAgent(agent('x').id) !== undefined);
  const before = proxy.sent();
  const until2 = performance.now() + 1500;
  while (performance.now() < until2) {
    two.registry.entries('bank-a');
    two.registry.findAgent(agent('x').id);
    two.registry.entriesOfAgent(agent('x'));
    two.registry.touch('Entry', 'bank-a', 'a');
    await pause(20);
  }
  assert.equal(proxy.sent(), before);
  await Promise.all([one.close(), two.close()]);
});

test('a server whose connection was lost serves what it has, says that it cannot commit, and catches up', async () => {
  const address = await server.database();
  const [one, proxy] = [await serve(address), await proxyTo(address)];
  const two = await serve(proxy.address);
  await one.registry.commit('bank-a', [domain, entry('a')]);
  await until(() => two.registry.revision('bank-a') === 1);
  proxy.cut();
  await one.registry.commit('bank-a', [entry('b')]);
  await one.registry.commit('bank-b', [{ ...domain, key: 'bank-b', body: { name: 'bank-b', userPath: '/user/' } }]);
  assert.deepEqual(
    two.registry.entries('bank-a').map(({ id }) => id),
    ['a'],
  );
  const refused = two.registry.commit('bank-a', [entry('c')]);
  await assert.rejects(refused, (error) => faultCode(error) === 'STORE_UNAVAILABLE');
  assert.equal(two.registry.revision('bank-a'), 1);
  assert.deepEqual([one.registry.isCurrent(), two.registry.isCurrent()], [true, false]);
  proxy.mend();
  await until(() => two.registry.revision('bank-a') === 2 && two.registry.revision('bank-b') === 1);
  await until(() => two.registry.isCurrent());
  await two.registry.commit('bank-a', [entry('c')]);
  await until(() => one.registry.revision('bank-a') === 3);
  await Promise.all([one.close(), two.close()]);
});

test('of a hundred requests to three servers for the same exactly one wins, and all servers agree', async () => {
  const address = await server.database();
  const servers = await Promise.all([serve(address), serve(address), serve(address)]);
  const [one] = servers;
  assert.ok(one);
  await one.registry.commit('bank-a', [domain]);
  const hundred = (ask: (registry: Registry, index: number) => Promise<unknown>) =>
    Promise.allSettled(Array.from({ length: 100 }, (_, index) => ask((servers[index % 3] ?? one).registry, index)));
  await one.registry.createJoinToken('bank-a', 60, undefined, 'once');
  assert.equal(won(await hundred((registry, index) => registry.redeemJoinToken('once', agent(`${index}`)))), 1);
  const same = { spiffeId: 'spiffe://bank-a/same' };
  const entries = await hundred((registry, index) => registry.commit('bank-a', [entry(`e${index}`, same)]));
  assert.equal(won(entries), 1);
  assert.equal(won(await hundred((registry) => registry.createJoinToken('bank-a', 60, undefined, 'chosen'))), 1);
  const different = await hundred((registry, index) => registry.commit('bank-a', [entry(`d${index}`)]));
  assert.equal(won(different), 100);
  await until(() => servers.every(({ registry }) => registry.entryCount('bank-a') === 101));
  assert.equal(new Set(servers.map(({ registry }) => registry.revision('bank-a'))).size, 1);
  await Promise.all(servers.map(({ close }) => close()));
});

test('servers that append to one ledger at once leave one chain, each receipt once', async () => {
  const address = await server.database();
  const servers = await Promise.all([serve(address), serve(address)]);
  const all = Array.from({ length: 60 }, (_, index) => receipt(`${index}`));
  await Promise.all(
    servers.flatMap(({ ledger }) => all.map((one, index) => ledger.append([one, all[(index * 7) % 60] ?? one]))),
  );
  for (const { ledger } of servers) {
    const [verified] = await ledger.verify();
    assert.deepEqual([verified?.receipts, verified?.brokenAt], [60, undefined]);
    assert.equal((await ledger.transactionOf('a'.repeat(32))).length, 60);
    assert.equal((await ledger.recent(5)).length, 5);
  }
  await Promise.all(servers.map(({ close }) => close()));
});
