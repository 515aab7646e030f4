import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { faultCode, Lifecycle, ManualClock, silentLog, systemClock, systemRandom } from '#kernel';
import { startPostgres } from '#plugins/postgres';
import type { BundleResource } from '#wire';
import { planDocuments } from './documents.ts';
import { State } from './state.ts';

const directory = mkdtempSync(join(tmpdir(), 'shared-'));
const postgres = await startPostgres({ dir: join(directory, 'pg'), log: silentLog });
after(async () => {
  await postgres.close();
  rmSync(directory, { recursive: true, force: true });
});
const store = {
  type: 'postgres',
  host: postgres.socketDir,
  port: postgres.port,
  database: 'postgres',
  user: postgres.superuser,
  passwordFile: postgres.passwordFile,
} as const;
writeFileSync(join(directory, 'passphrase'), 'correct horse');
/** Each server has a machine of its own: what they share is in the database. */
let machines = 0;
const newServer = () =>
  ({
    dataDir: join(directory, `data-${machines++}`),
    authority: { keys: { kind: 'store', passphraseFile: join(directory, 'passphrase') } },
  }) as const;
const domain = (name: string) =>
  JSON.stringify({ apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name }, spec: {} });
const entry = (name: string) =>
  JSON.stringify({
    apiVersion: 'hauberk.dev/v1',
    kind: 'Entry',
    metadata: { name, trustDomain: 'bank-a' },
    spec: { spiffeId: `spiffe://bank-a/${name}`, parentId: 'spiffe://bank-a/node/local', selectors: ['unix:uid:1'] },
  });

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 20_000; !holds(); await pause(5))
    assert.ok(performance.now() < deadline, 'deadline passed');
}

const apply = (state: State, ...documents: string[]) =>
  state.commitAll(planDocuments(documents, state.registry.trustDomains()).changes, 'test');
const bundleOf = (state: State) => state.registry.find<BundleResource>('Bundle', 'bank-a', 'bank-a');

test('two servers on one database host the same trust domains, with one authority, and write one ledger', async () => {
  const life = new Lifecycle();
  const open = async (clock = systemClock) =>
    life.own(await State.open({ ...newServer(), store, clock, random: systemRandom, log: silentLog }));
  try {
    const [one, two] = [await open(), await open()];
    await apply(one, domain('bank-a'));
    await until(() => two.hosted().length === 1 && bundleOf(two) !== undefined);
    assert.deepEqual(bundleOf(two), bundleOf(one));
    assert.deepEqual(two.trustDomain('bank-a').bundle(), one.trustDomain('bank-a').bundle());

    const { token } = await one.registry.createJoinToken('bank-a', 60, 'spiffe://bank-a/node/local');
    assert.equal((await two.registry.peekJoinToken('bank-a', token)).token, token);

    await apply(two, entry('a'));
    await until(() => one.registry.findEntry('bank-a', 'a') !== undefined);
    await Promise.all([apply(one, entry('b')), apply(two, entry('c')), apply(one, entry('d'))]);
    await until(() => one.registry.entryCount('bank-a') === 4 && two.registry.entryCount('bank-a') === 4);

    await apply(two, domain('bank-b'));
    await until(() => one.hosted().length === 2);
    await two.commit('bank-b', [{ kind: 'TrustDomain', key: 'bank-b', body: null }], 'test');
    await until(() => one.hosted().length === 1);

    for (const { brokenAt } of await one.ledger.verify()) assert.equal(brokenAt, undefined);
    const actions = (await two.ledger.recent(100)).map(({ action, resource }) => `${action} ${resource}`);
    for (const name of ['a', 'b', 'c', 'd'])
      assert.equal(actions.filter((action) => action === `Entry:put ${name}`).length, 1, name);
  } finally {
    await life.close();
  }
});

test('servers on one database rotate together: each rotation happens once, and all of them trust it', async () => {
  const life = new Lifecycle();
  const clocks = [new ManualClock(Date.now()), new ManualClock(Date.now())];
  try {
    const [one, two] = await Promise.all(
      clocks.map(async (clock) =>
        life.own(await State.open({ ...newServer(), store, clock, random: systemRandom, log: silentLog })),
      ),
    );
    assert.ok(one && two);
    const before = bundleOf(one)?.x509Authorities.length ?? 0;
    for (const clock of clocks) clock.jump(13 * 3_600_000);
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? one : two)).map((state) =>
        state.trustDomain('bank-a').authority.rotateIfDue(),
      ),
    );
    await until(() => (bundleOf(one)?.x509Authorities.length ?? 0) > before);
    await until(() => JSON.stringify(bundleOf(one)) === JSON.stringify(bundleOf(two)));
    assert.equal(bundleOf(one)?.x509Authorities.length, before + 1, 'one CA was prepared, not two');
  } finally {
    await life.close();
  }
});

test('a server that does not have the keys neither issues nor replaces them', async () => {
  const life = new Lifecycle();
  const common = { store, clock: systemClock, random: systemRandom, log: silentLog };
  try {
    const one = life.own(await State.open({ ...newServer(), ...common }));
    const states = () => one.trustDomain('bank-a').authority.states('x509');
    const before = states();
    const stranger = { dataDir: join(directory, 'stranger'), ...common };
    await assert.rejects(State.open(stranger), (error) => faultCode(error) === 'IDENTITY_UNAVAILABLE');
    assert.deepEqual(states(), before);
    assert.equal(await one.troubleOf('bank-a'), undefined);
  } finally {
    await life.close();
  }
});
