import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog, systemClock, systemRandom } from '#kernel';
import { startServer } from '#server';
import { hauberk } from './cli.harness.ts';

const DOMAIN = 'apiVersion: hauberk.dev/v1\nkind: TrustDomain\nmetadata: { name: bank-a }\nspec: {}\n';
const entry = (name: string, more = ''): string => `apiVersion: hauberk.dev/v1
kind: Entry
metadata: { name: ${name}, trustDomain: bank-a }
spec:
  spiffeId: spiffe://bank-a/${name}
  parentId: spiffe://bank-a/node/local
  selectors: ["unix:uid:1"]
${more}`;

test('apply of a directory as a set: what leaves the directory is shown by a dry run, and pruned', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ap-'));
  const adminSocket = join(directory, 'a.sock');
  const ports = { clock: systemClock, random: systemRandom, log: silentLog };
  const sync = { host: '127.0.0.1', port: 0 };
  const server = await startServer({ dataDir: join(directory, 'data'), adminSocket, sync, ...ports });
  const files = join(directory, 'documents');
  const write = (name: string, text: string): void => writeFileSync(join(files, name), text);
  const run = (...words: readonly string[]) => hauberk(...words, '--socket', adminSocket);
  try {
    mkdirSync(join(files, 'entries'), { recursive: true });
    write('domain.yaml', DOMAIN);
    write('README.md', 'not a document');
    write('entries/a.yaml', entry('a'));
    write('entries/b.yaml', entry('b'));
    const whole = ['apply', files, '--set', 'mine', '--prune'];
    const first = await run(...whole);
    assert.deepEqual([first.error, first.status], ['', 0]);
    assert.match(first.out, /^created TrustDomain bank-a .*\ncreated Entry a .*\ncreated Entry b .*\n$/);

    rmSync(join(files, 'entries', 'a.yaml'));
    const dry = await run(...whole, '--dry-run');
    assert.match(dry.out, /^would remove Entry a in bank-a\n {2}- id: "a"\n[^+]*\n1 to change; nothing was changed\n$/);
    assert.match((await run(...whole)).out, /^removed Entry a in bank-a at revision \d+\n$/);
    assert.equal((await run(...whole)).out, 'nothing to change\n');

    const unnamed = await run('apply', files, '--prune');
    assert.deepEqual([unnamed.status, unnamed.out], [65, '']);
    rmSync(files, { recursive: true });
    mkdirSync(files);
    const empty = await run(...whole);
    assert.match(empty.error, /^hauberk: ARGUMENT_INVALID: there are no documents\n$/);
    assert.match((await run(...whole, '--allow-empty')).out, /^removed Entry b /);
  } finally {
    await server.close();
    rmSync(directory, { recursive: true });
  }
});

test('entry apply says file and line of what the registry refuses', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ap-'));
  const adminSocket = join(directory, 'a.sock');
  const ports = { clock: systemClock, random: systemRandom, log: silentLog };
  const sync = { host: '127.0.0.1', port: 0 };
  const server = await startServer({ dataDir: join(directory, 'data'), adminSocket, sync, ...ports });
  try {
    const [domain, entries] = [join(directory, 'domain.yaml'), join(directory, 'entries.yaml')];
    writeFileSync(domain, DOMAIN);
    const twice = entry('other').replace('spiffe://bank-a/other', 'spiffe://bank-a/a');
    const stranger = entry('stranger', '  federatesWith: [nobody.example]\n');
    writeFileSync(entries, [entry('a'), twice, stranger].join('---\n'));
    await hauberk('apply', domain, '--socket', adminSocket);
    const { status, out, error } = await hauberk('entry', 'apply', '-f', entries, '--socket', adminSocket);
    assert.deepEqual([status, out], [78, '']);
    assert.match(error, /entries\.yaml:12: spec: expected an Entry .* exists already: a\n/);
    assert.match(error, /entries\.yaml:24: spec\.federatesWith: .* not known here/);
  } finally {
    await server.close();
    rmSync(directory, { recursive: true });
  }
});
