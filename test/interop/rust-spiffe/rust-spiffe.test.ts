// rust-spiffe, unmodified, against our agent.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { withHouse } from '../../../src/agent/agent.harness.ts';
import { ask, build, skipOf } from '../stranger.ts';

const here = import.meta.dirname;
const built = build({
  name: 'rust-spiffe',
  sources: ['Cargo.toml', 'Cargo.lock', 'src/main.rs'].map((name) => join(here, name)),
  steps: (folder) => [
    ['cargo', ['build', '--quiet', '--locked', '--manifest-path', join(here, 'Cargo.toml'), '--target-dir', folder]],
  ],
});
const skip = skipOf(built);
const client = 'folder' in built ? join(built.folder, 'debug/client') : '';
const ID = 'spiffe://bank-a/service';

test('FetchX509SVID: rust-spiffe takes the identity with its bundles', { skip }, () =>
  withHouse(async ({ socket }) => {
    assert.deepEqual(await ask(client, [socket, 'x509']), [{ id: ID, chain: 1, bundles: 2 }]);
  }),
);

test('JWT-SVIDs: rust-spiffe validates what it fetched, offline and online', { skip }, () =>
  withHouse(async ({ socket }) => {
    const verdict = { id: ID, offline: ID, online: ID, refusedForOther: true };
    assert.deepEqual(await ask(client, [socket, 'jwt', 'first']), [verdict]);
  }),
);

test('without an entry it is denied', { skip }, () =>
  withHouse(async ({ socket, admin }) => {
    await admin.delete({ kind: 'Entry', trustDomain: 'bank-a', key: 'service' });
    const [refused] = await ask(client, [socket, 'x509']);
    assert.match(String(refused?.error), /NoIdentityIssued/);
  }),
);
