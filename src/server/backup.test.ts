import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { faultCode, Secret, silentLog, systemClock, systemRandom } from '#kernel';
import { startPostgres } from '#plugins/postgres';
import type { BundleResource } from '#wire';
import { backup, restore, upgrade } from './backup.ts';
import type { ServerConfig } from './config.ts';
import { planDocuments } from './documents.ts';
import { State } from './state.ts';

const directory = mkdtempSync(join(tmpdir(), 'backup-'));
const postgres = await startPostgres({ dir: join(directory, 'pg'), log: silentLog });
after(async () => {
  await postgres.close();
  rmSync(directory, { recursive: true, force: true });
});

type Place = Pick<ServerConfig, 'dataDir' | 'store' | 'authority'>;
let made = 0;
const path = (name: string): string => join(directory, `${made++}-${name}`);
const rejects = (promise: Promise<unknown>, code: string) =>
  assert.rejects(promise, (error) => faultCode(error) === code);
const onPostgres = (dataDir: string): Place => ({
  dataDir,
  store: {
    type: 'postgres',
    host: postgres.socketDir,
    port: postgres.port,
    database: 'postgres',
    user: postgres.superuser,
    passwordFile: postgres.passwordFile,
  },
});

const documents = [
  { kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec: {} },
  {
    kind: 'Entry',
    metadata: { name: 'a', trustDomain: 'bank-a', owner: 'Zo\u00eb\u2028 "quoted"' },
    spec: { spiffeId: 'spiffe://bank-a/a', parentId: 'spiffe://bank-a/node/local', selectors: ['unix:uid:1'] },
  },
].map((document) => JSON.stringify({ apiVersion: 'hauberk.dev/v1', ...document }));

async function withState<T>(place: Place, use: (state: State) => Promise<T>): Promise<T> {
  const state = await State.open({ ...place, clock: systemClock, random: systemRandom, log: silentLog });
  try {
    return await use(state);
  } finally {
    await state.close();
  }
}

/** What a person would look for after a restore. */
const told = async ({ registry, ledger }: State) => ({
  entries: registry.entries('bank-a'),
  bundle: { ...registry.find<BundleResource>('Bundle', 'bank-a', 'bank-a'), sequence: 0 },
  agents: registry.agents('bank-a'),
  uses: await registry.uses('bank-a'),
  receipts: (await ledger.recent(1000)).map(({ id }) => id).sort(),
});

async function filled(): Promise<{ readonly place: Place; readonly file: string; readonly before: object }> {
  const place = { dataDir: path('data') };
  const file = path('backup');
  const before = await withState(place, async (state) => {
    await state.commitAll(planDocuments(documents, []).changes, 'test');
    await state.registry.putAgent({
      id: 'spiffe://bank-a/spire/agent/x509pop/x',
      trustDomain: 'bank-a',
      attestationType: 'x509pop',
      selectors: ['x509pop:a:b'],
      canReattest: true,
      banned: true,
      serial: '',
      expiresAt: 7,
    });
    await state.registry.createJoinToken('bank-a', 60, undefined, 'secret-token');
    state.registry.touch('Entry', 'bank-a', 'a');
    const now = await told(state);
    await state.registry.close();
    // The server runs on while it is copied.
    assert.ok((await backup(place, file, { createdAt: 'now' })) > 5);
    return now;
  });
  return { place, file, before };
}

test('attack: a backup is written through no link, and into no file that somebody else has put there', async () => {
  const { place } = await filled();
  const [file, victim] = [path('backup'), path('victim')];
  writeFileSync(victim, 'theirs');
  symlinkSync(victim, `${file}.new`);
  await rejects(backup(place, file, { createdAt: 'now' }), 'ALREADY_EXISTS');
  assert.equal(readFileSync(victim, 'utf8'), 'theirs');
  rmSync(`${file}.new`);
  writeFileSync(`${file}.new`, '', { mode: 0o666 });
  await rejects(backup(place, file, { createdAt: 'now' }), 'ALREADY_EXISTS');
  assert.ok(!existsSync(file));
});

test('a backup restores what there was, in the other kind of store and back; tokens and keys are not in it', async () => {
  const { place, file, before } = await filled();
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const text = readFileSync(file, 'utf8');
  assert.doesNotMatch(text, /secret-token|PRIVATE KEY/);
  const shared = onPostgres(place.dataDir);
  assert.equal((await restore(shared, file)).rows, text.split('\n').length - 3);
  assert.deepEqual(await withState(shared, told), before);
  const again = path('backup');
  await backup(shared, again, { createdAt: 'later' });
  await rejects(restore(shared, again), 'ALREADY_EXISTS');

  const moved = { dataDir: path('data') };
  await restore(moved, again);
  await rejects(restore(moved, again), 'ALREADY_EXISTS');
  assert.ok(!existsSync(join(moved.dataDir, 'registry.db.restoring')));
  const registry = await withState({ ...moved }, async (state) => {
    assert.ok(
      state.registry.revision('bank-a') > 2_000_000,
      'revisions that were given out after the backup stay unused',
    );
    await assert.rejects(state.registry.peekJoinToken('bank-a', 'secret-token'));
    for (const { brokenAt } of await state.ledger.verify()) assert.equal(brokenAt, undefined);
    return told(state);
  });
  assert.deepEqual(registry.entries, Reflect.get(before, 'entries'));
  assert.deepEqual(registry.agents, Reflect.get(before, 'agents'));
});

test('a backup that was cut, changed or is something else is refused, and leaves no store behind', async () => {
  const { file } = await filled();
  const text = readFileSync(file, 'utf8');
  const lines = text.trimEnd().split('\n');
  for (const [what, bad, code] of [
    ['cut in a line', text.slice(0, -20), 'BACKUP_INVALID'],
    ['without its end', `${lines.slice(0, -1).join('\n')}\n`, 'BACKUP_INVALID'],
    ['with a row less', [...lines.slice(0, 2), ...lines.slice(3)].join('\n'), 'BACKUP_INVALID'],
    ['changed', text.replace('spiffe://bank-a/a', 'spiffe://bank-a/b'), 'BACKUP_INVALID'],
    ['of another format', text.replace('"format":1', '"format":2'), 'BACKUP_INVALID'],
    ['something else', '{"a":1}\n', 'BACKUP_INVALID'],
    ['empty', '', 'BACKUP_INVALID'],
  ] as const) {
    const [spoiled, place] = [path('spoiled'), { dataDir: path('data') }];
    writeFileSync(spoiled, bad);
    await assert.rejects(restore(place, spoiled), (error) => faultCode(error) === code, what);
    assert.deepEqual(existsSync(place.dataDir) ? readdirSync(place.dataDir) : [], [], what);
  }
  await rejects(restore({ dataDir: path('data') }, path('missing')), 'CONFIG_UNREADABLE');
  await rejects(backup({ dataDir: path('nothing') }, path('backup'), { createdAt: 'now' }), 'NOT_FOUND');
});

test('a backup whose ledger was rewritten does not restore, even with a digest that fits', async () => {
  const { place } = await filled();
  const attacker = new DatabaseSync(join(place.dataDir, 'ledger.db'));
  attacker.exec(`UPDATE record SET body = replace(body, 'ALLOWED', 'POLICY_DENIED') WHERE position = 1`);
  attacker.close();
  const file = path('backup');
  await backup(place, file, { createdAt: 'now' });
  const target = { dataDir: path('data') };
  await rejects(restore(target, file), 'LEDGER_CORRUPT');
  assert.deepEqual(readdirSync(target.dataDir), []);
});

test('private keys are in a backup when they are asked for, sealed; they stand again as they stood, or nothing does', async () => {
  const { place } = await filled();
  const keys = new Secret('of the backup');
  const file = path('backup');
  await backup(place, file, { createdAt: 'now', keys });
  const text = readFileSync(file, 'utf8');
  assert.doesNotMatch(text, /PRIVATE KEY/);
  const files = (dataDir: string) =>
    readdirSync(join(dataDir, 'keys', 'bank-a')).map((name) => [
      name,
      readFileSync(join(dataDir, 'keys', 'bank-a', name), 'utf8'),
    ]);
  const target = { dataDir: path('data') };
  for (const [options, code] of [
    [{}, 'ARGUMENT_INVALID'],
    [{ keys: new Secret('another') }, 'KEY_UNREADABLE'],
  ] as const) {
    await rejects(restore(target, file, options), code);
    assert.ok(!existsSync(join(target.dataDir, 'registry.db')) && !existsSync(join(target.dataDir, 'keys')));
  }
  const { keys: count } = await restore(target, file, { keys });
  assert.equal(count, files(place.dataDir).length);
  assert.ok(count >= 2);
  assert.deepEqual(files(target.dataDir), files(place.dataDir));
  for (const [name = ''] of files(target.dataDir))
    assert.equal(statSync(join(target.dataDir, 'keys', 'bank-a', name)).mode & 0o777, 0o600);
  const bundle = async (of: Place) =>
    (await withState(of, async (state) => state.trustDomain('bank-a').bundle())).x509Authorities;
  assert.deepEqual(await bundle(target), await bundle(place));
});

test('keys of a backup are left where they are on demand, and never put beside others or where the store is refused', async () => {
  const { place } = await filled();
  const keys = new Secret('of the backup');
  const file = path('backup');
  await backup(place, file, { createdAt: 'now', keys });
  const without = { dataDir: path('data') };
  assert.equal((await restore(without, file, { withoutKeys: true })).keys, 0);
  assert.ok(!existsSync(join(without.dataDir, 'keys')));
  const used = { dataDir: path('data') };
  mkdirSync(join(used.dataDir, 'keys', 'bank-b'), { recursive: true });
  await rejects(restore(used, file, { keys }), 'ALREADY_EXISTS');
  assert.deepEqual(readdirSync(used.dataDir), ['keys']);
  // Its store is full: the keys do not come alone.
  rmSync(join(without.dataDir, 'keys'), { recursive: true, force: true });
  await rejects(restore(without, file, { keys }), 'ALREADY_EXISTS');
  assert.ok(!readdirSync(without.dataDir).some((name) => name.startsWith('keys')));
  const kept = { keys: { kind: 'memory' } } as const;
  await rejects(backup({ ...place, authority: kept }, path('backup'), { createdAt: 'now', keys }), 'ARGUMENT_INVALID');
});

test('a key that was moved to another name in the backup does not open, whatever its digest says', async () => {
  const { place } = await filled();
  const keys = new Secret('of the backup');
  const file = path('backup');
  await backup(place, file, { createdAt: 'now', keys });
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(0, -1);
  const swapped = lines.map((line) => line.replace('"path":"bank-a/', '"path":"bank-b/'));
  const escaping = lines.map((line) => line.replace('"path":"bank-a/', '"path":"../../bank-a/'));
  for (const changed of [swapped, escaping]) {
    assert.notDeepEqual(changed, lines);
    const text = `${changed.join('\n')}\n`;
    const end = { rows: changed.length - 1, sha256: createHash('sha256').update(text).digest('hex') };
    const forged = path('forged');
    writeFileSync(forged, `${text}${JSON.stringify({ end })}\n`);
    const target = { dataDir: path('data') };
    await rejects(restore(target, forged, { keys }), 'BACKUP_INVALID');
    assert.deepEqual(existsSync(target.dataDir) ? readdirSync(target.dataDir) : [], []);
  }
});

test('an older store is upgraded beside a copy of it, and cannot be copied before', async () => {
  const place = { dataDir: path('data') };
  const old = join(import.meta.dirname, '..', 'plugins', 'store', 'sqlite', 'testdata');
  await rejects(upgrade(place), 'NOT_FOUND');
  await withState(place, async () => undefined);
  for (const name of ['registry', 'ledger']) copyFileSync(join(old, `${name}-1.db`), join(place.dataDir, `${name}.db`));
  await rejects(backup(place, path('backup'), { createdAt: 'now' }), 'STORE_SCHEMA_OLDER');
  const [registry, ledger] = await upgrade(place);
  assert.deepEqual([registry?.from, registry?.to, ledger?.from, ledger?.to], [1, 2, 1, 1]);
  const copy = new DatabaseSync(registry?.copy ?? '', { readOnly: true });
  assert.equal(copy.prepare('SELECT count(*) AS n FROM agent').get()?.n, 1);
  copy.close();
  assert.equal((await upgrade(place))[0]?.copy, undefined);
  assert.ok((await backup(place, path('backup'), { createdAt: 'now' })) > 5);
  const newer = new DatabaseSync(join(place.dataDir, 'registry.db'));
  newer.exec('PRAGMA user_version = 99');
  newer.close();
  await rejects(upgrade(place), 'STORE_SCHEMA_NEWER');
  await rejects(backup(place, path('backup'), { createdAt: 'now' }), 'STORE_SCHEMA_NEWER');
});
