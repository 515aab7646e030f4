// go-spiffe, unmodified, against our agent and our SDK.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectWorkload } from '#sdk';
import { entry, withHouse } from '../../../src/agent/agent.harness.ts';
import { ask, Stranger } from '../stranger.ts';
import { client, skip } from './client.ts';

const ID = 'spiffe://bank-a/service';

test('FetchX509SVID: go-spiffe takes the identity and verifies it with its own validator', { skip }, () =>
  withHouse(async ({ socket }) => {
    const answers = await ask(client, [socket, 'x509']);
    assert.deepEqual(answers, [{ id: ID, hint: '', chain: 1, bundles: 2 }]);
  }),
);

test('FetchX509Bundles: own and federated trust domains', { skip }, () =>
  withHouse(async ({ socket }) => {
    const answers = await ask(client, [socket, 'bundles']);
    const names = answers.map(({ trustDomain }) => trustDomain).sort();
    assert.deepEqual(names, ['bank-a', 'platform.example']);
  }),
);

test(
  'JWT-SVIDs: go-spiffe validates what it fetched, offline by the JWT bundles and online by the agent',
  { skip },
  () =>
    withHouse(async ({ socket }) => {
      const [answer, ...others] = await ask(client, [socket, 'jwt', 'first']);
      assert.deepEqual(others, []);
      const { bundles, ...token } = answer ?? {};
      const verdict = {
        id: ID,
        offline: ID,
        online: ID,
        hint: '',
        audience: ['first', 'second'],
        refusedForOther: true,
      };
      assert.deepEqual(token, verdict);
      assert.equal(bundles, 2);
    }),
);

test('a watch sees a second identity appear and the last one go', { skip }, () =>
  withHouse(async ({ socket, admin }) => {
    const watch = new Stranger(client, [socket, 'watch', '99']);
    try {
      assert.deepEqual((await watch.next()).ids, [ID]);
      await admin.apply({ documentsJson: [JSON.stringify(entry('another'))], dryRun: false });
      assert.deepEqual([...idsOf(await watch.next())].sort(), ['spiffe://bank-a/another', ID]);
      await admin.delete({ kind: 'Entry', trustDomain: 'bank-a', key: 'another' });
      assert.deepEqual((await watch.next()).ids, [ID]);
      await admin.delete({ kind: 'Entry', trustDomain: 'bank-a', key: 'service' });
      assert.match(String((await watch.next()).watchError), /PermissionDenied/);
    } finally {
      await watch.stop();
    }
  }),
);

test('a process without an entry is denied', { skip }, () =>
  withHouse(async ({ socket, admin }) => {
    await admin.delete({ kind: 'Entry', trustDomain: 'bank-a', key: 'service' });
    const [answer] = await ask(client, [socket, 'x509']);
    assert.match(String(answer?.error), /PermissionDenied/);
  }),
);

test('mTLS: go-spiffe serves our SDK, and refuses another id than it was told', { skip }, () =>
  withHouse(async ({ socket, admin }) => {
    for (const [allowed, expected] of [
      [ID, `${ID} asked for /path`],
      ['spiffe://bank-a/other', undefined],
    ]) {
      const server = new Stranger(client, [socket, 'serve', allowed ?? '']);
      const workload = await connectWorkload({ socketPath: socket, service: 'bank-a/test' });
      try {
        const { listening } = await server.next();
        await admin.apply({ documentsJson: [service('stranger', Number(listening))], dryRun: false });
        const answer = await eventually(() => workload.fetch('https://stranger/path'), expected !== undefined);
        assert.equal(answer === undefined ? undefined : await answer.text(), expected);
      } finally {
        await workload.close();
        await server.stop();
      }
    }
  }),
);

test('mTLS: go-spiffe calls our SDK, and refuses another id than it was told', { skip }, () =>
  withHouse(async ({ socket, admin }) => {
    await admin.apply({ documentsJson: [service('sdk', 1), policy], dryRun: false });
    const workload = await connectWorkload({ socketPath: socket, service: 'bank-a/sdk' });
    try {
      const serving = await workload.serve(
        async ({ authority }) => ({ status: 200, body: `hello ${authority.workload}` }),
        {
          listen: { host: '127.0.0.1', port: 0 },
        },
      );
      const url = `https://127.0.0.1:${serving.port}/x`;
      assert.deepEqual(await ask(client, [socket, 'request', url, ID]), [{ status: 200, body: `hello ${ID}` }]);
      const [refused] = await ask(client, [socket, 'request', url, 'spiffe://bank-a/other']);
      assert.match(String(refused?.error), /unexpected ID/);
      await serving.close();
    } finally {
      await workload.close();
    }
  }),
);

function service(name: string, port: number): string {
  return JSON.stringify({
    apiVersion: 'hauberk.dev/v1',
    kind: 'Service',
    metadata: { name, namespace: 'bank-a', trustDomain: 'bank-a' },
    spec: { spiffeId: ID, protocol: 'http', labels: { app: name }, endpoints: [{ host: '127.0.0.1', port }] },
  });
}

const policy = JSON.stringify({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'sdk', namespace: 'bank-a' },
  spec: {
    selector: { matchLabels: { app: 'sdk' } },
    rules: [{ from: [{ source: { principals: ['bank-a/service'] } }] }],
  },
});

function idsOf(answer: Readonly<Record<string, unknown>>): readonly string[] {
  return Array.isArray(answer.ids) ? answer.ids.map(String) : [];
}

/** The registry's change reaches the workload in a moment; a wanted refusal must stay one. */
async function eventually<T>(call: () => Promise<T>, wanted: boolean): Promise<T | undefined> {
  const deadline = performance.now() + (wanted ? 20_000 : 1_000);
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > deadline) {
        if (wanted) throw error;
        return undefined;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
