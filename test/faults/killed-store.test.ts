import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import pg from 'pg';
import { silentLog, systemClock, systemRandom } from '#kernel';
import { startPostgres } from '#plugins/postgres';
import type { ResourceChange } from '#registry';
import { openPlace, TOGETHER } from './killed-store.place.ts';

const directory = mkdtempSync(join(tmpdir(), 'killed-'));
const postgres = await startPostgres({ dir: join(directory, 'pg'), log: silentLog });
after(async () => {
  await postgres.close();
  rmSync(directory, { recursive: true, force: true });
});

const ports = { clock: systemClock, random: systemRandom, log: silentLog };
const domain: ResourceChange = { kind: 'TrustDomain', key: 'bank-a', body: { name: 'bank-a', userPath: '/user/' } };
let made = 0;

async function sqlitePlace(): Promise<string> {
  return prepared(JSON.stringify({ directory: mkdtempSync(join(directory, 'sqlite-')) }));
}

async function postgresPlace(): Promise<string> {
  const { socketDir: host, port, superuser: user, passwordFile } = postgres;
  const database = `killed_${made++}`;
  const client = new pg.Client({
    host,
    port,
    user,
    database: 'postgres',
    password: readFileSync(passwordFile, 'utf8'),
  });
  await client.connect();
  await client.query(`CREATE DATABASE ${database}`);
  await client.end();
  return prepared(JSON.stringify({ address: { host, port, user, passwordFile, database } }));
}

/** A trust domain with an entry and a token. */
async function prepared(place: string): Promise<string> {
  const { registry, entry, close } = await openPlace(place, ports);
  await registry.commit('bank-a', [domain, entry('old')], 'test');
  for (const token of ['token', ...TOGETHER]) await registry.createJoinToken('bank-a', 3600, undefined, token);
  await close();
  return place;
}

/** What the child said, line by line, until it ended or was killed. */
function play(place: string, killAt: number): Promise<readonly string[]> {
  const [child, points] = ['killed-store.child.ts', 'kill-points.ts'].map((name) => join(import.meta.dirname, name));
  const env = { ...process.env, PLACE: place, KILL_AT: `${killAt}` };
  const { stderr } = spawn(process.execPath, ['--import', points ?? '', child ?? ''], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 50_000,
  });
  let said = '';
  stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  return new Promise((ended) => stderr.once('close', () => ended(said.trim().split('\n'))));
}

/** Whatever was acknowledged stands, once; what was not stands whole or not at all; what follows goes on from there. */
async function judge(place: string, said: readonly string[], where: string): Promise<void> {
  const { registry, ledger, store, entry, agentOf, close } = await openPlace(place, ports);
  const receipts = new Map<string, number>();
  for (const { action = '' } of await ledger.recent(1000)) receipts.set(action, (receipts.get(action) ?? 0) + 1);
  const isAgent = (token: string): boolean => registry.findAgent(agentOf(token).id) !== undefined;
  const entryStands = registry.findEntry('bank-a', 'new') !== undefined;
  const removalStands = registry.findEntry('bank-a', 'old') === undefined;
  for (const [what, action, stands] of [
    ['entry', 'put new', entryStands],
    ['token', 'attest', isAgent('token')],
    ...TOGETHER.map((token) => [token, `attest ${token}`, isAgent(token)] as const),
    ['removal', 'remove old', removalStands],
  ] as const) {
    if (said.includes(`ack ${what}`)) assert.ok(stands, `${where}: ${what} was acknowledged and is lost`);
    assert.equal(receipts.get(action) ?? 0, stands ? 1 : 0, `${where}: receipts of ${what}`);
  }
  for (const token of ['token', ...TOGETHER]) {
    const isLeft = await registry.peekJoinToken('bank-a', token).then(
      () => true,
      () => false,
    );
    assert.equal(isLeft, !isAgent(token), `${where}: a token is used exactly when its agent exists`);
  }
  assert.equal(registry.revision('bank-a'), 1 + Number(entryStands) + Number(removalStands), where);
  for (const { brokenAt } of await ledger.verify()) assert.equal(brokenAt, undefined, where);
  assert.deepEqual(await registry.commit('bank-a', [entry('after')], 'test').then(({ changes }) => changes.length), 1);
  await registry.close();
  assert.deepEqual(await store.pendingReceipts(10), [], where);
  await close();
}

for (const [name, make] of [
  ['sqlite', sqlitePlace],
  ['postgres', postgresPlace],
] as const) {
  test(`${name}: a process that is killed before, during and after each commit loses nothing and repeats nothing`, async () => {
    const whole = await play(await make(), 0);
    assert.equal(whole.at(-1), 'done', whole.join('\n'));
    const ready = whole.indexOf('ready');
    // From the first transaction on: every begin and commit, and every write between them.
    const points = whole
      .filter((line) => line.startsWith('call'))
      .map((line, index) => ({ line, at: index + 1 }))
      .slice(whole.slice(0, ready).filter((line) => line.startsWith('call')).length)
      .filter(({ line }) => /call (BEGIN|COMMIT|INSERT|DELETE|UPDATE)/.test(line));
    assert.ok(points.length > 15, whole.join('\n'));
    const chosen = points.filter(({ line }, index) => index % 4 === 0 || line.includes('COMMIT'));
    let killed = 0;
    const next = async (): Promise<void> => {
      for (let point = chosen.shift(); point !== undefined; point = chosen.shift()) {
        const place = await make();
        const said = await play(place, point.at);
        if (said.at(-1) !== 'done') killed++;
        await judge(place, said, `killed at ${point.at} (${point.line})`);
      }
    };
    await Promise.all([next(), next()]);
    assert.ok(killed > 5, `${killed} were killed`);
  });
}
