// py-spiffe, unmodified, against our agent.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { entry, withHouse } from '../../../src/agent/agent.harness.ts';
import { ask, build, Stranger, skipOf } from '../stranger.ts';

const here = import.meta.dirname;
const requirements = join(here, 'requirements.txt');
const built = build({
  name: 'py-spiffe',
  sources: [requirements],
  steps: (folder) => [
    ['python3', ['-m', 'venv', '--copies', folder]],
    [join(folder, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '--no-deps', '-r', requirements]],
  ],
});
const skip = skipOf(built);
const python = 'folder' in built ? join(built.folder, 'bin/python') : '';
const client = join(here, 'client.py');
const ID = 'spiffe://bank-a/service';

test('FetchX509SVID: py-spiffe takes the identity with its bundles', { skip }, () =>
  withHouse(async ({ socket }) => {
    assert.deepEqual(await ask(python, [client, socket, 'x509']), [{ id: ID, chain: 1, bundles: 2 }]);
  }),
);

test('JWT-SVIDs: py-spiffe validates what it fetched, offline and online', { skip }, () =>
  withHouse(async ({ socket }) => {
    const verdict = { id: ID, offline: ID, online: ID, refusedForOther: true };
    assert.deepEqual(await ask(python, [client, socket, 'jwt', 'first']), [verdict]);
  }),
);

test('a stream sees a second identity appear; without an entry it is denied', { skip }, () =>
  withHouse(async ({ socket, admin }) => {
    const watch = new Stranger(python, [client, socket, 'watch', '9']);
    try {
      assert.deepEqual((await watch.next()).ids, [ID]);
      await admin.apply({ documentsJson: [JSON.stringify(entry('another'))], dryRun: false });
      assert.deepEqual((await watch.next()).ids, ['spiffe://bank-a/another', ID]);
      for (const key of ['another', 'service']) await admin.delete({ kind: 'Entry', trustDomain: 'bank-a', key });
      assert.deepEqual((await watch.next()).ids, [ID]);
      assert.match(String((await watch.next()).watchError), /PERMISSION_DENIED|IDENTITY_NO_ENTRY/);
    } finally {
      await watch.stop();
    }
    const [refused] = await ask(python, [client, socket, 'x509']);
    assert.match(String(refused?.error), /PERMISSION_DENIED|IDENTITY_NO_ENTRY/);
  }),
);
