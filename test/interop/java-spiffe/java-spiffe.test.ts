// java-spiffe, unmodified, against our agent and our SDK.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { withHouse } from '../../../src/agent/agent.harness.ts';
import { ask, build, skipOf } from '../stranger.ts';

const here = import.meta.dirname;
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const built = build({
  name: 'java-spiffe',
  sources: ['pom.xml', 'Client.java'].map((name) => join(here, name)),
  steps: (folder) => [
    ['mvn', ['-q', '-B', '-f', join(here, 'pom.xml'), COPY, `-DoutputDirectory=${folder}/lib`]],
    ['javac', ['-cp', `${folder}/lib/*`, '-d', folder, join(here, 'Client.java')]],
  ],
});
const skip = skipOf(built);
const java = ['-cp', 'folder' in built ? `${built.folder}:${built.folder}/lib/*` : '', 'Client'];
const ID = 'spiffe://bank-a/service';

test('FetchX509SVID: java-spiffe, which names the socket as authority, takes the identity', { skip }, () =>
  withHouse(async ({ socket }) => {
    assert.deepEqual(await ask('java', [...java, socket, 'x509']), [{ id: ID, chain: 1, bundles: 2 }]);
  }),
);

test('JWT-SVIDs: java-spiffe validates what it fetched, offline and online', { skip }, () =>
  withHouse(async ({ socket }) => {
    const verdict = { id: ID, offline: ID, online: ID, refusedForOther: true };
    assert.deepEqual(await ask('java', [...java, socket, 'jwt', 'first']), [verdict]);
  }),
);

test('without an entry it is denied', { skip }, () =>
  withHouse(async ({ socket, admin }) => {
    await admin.delete({ kind: 'Entry', trustDomain: 'bank-a', key: 'service' });
    const [refused] = await ask('java', [...java, socket, 'x509']);
    assert.match(String(refused?.error), /PERMISSION_DENIED/);
  }),
);
