import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { renameSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Fault, faultCode } from '#kernel';
import { parseTrustDomain, verifyX509Svid, x509Bundle } from '#spiffe';
import { EnforcementPointDefinition, type WatchRequest } from '#wire/gen/hauberk_workload';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { splitCertificates } from '#x509';
import { entry, first, never, UID, until, withHouse } from './agent.harness.ts';

test('A-8: a workload gets an X509-SVID that verifies, with its key, its bundle and those of its federation', () =>
  withHouse(async ({ workload }) => {
    const answer = await first(workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({}));
    const [svid] = answer.svids;
    assert.ok(svid !== undefined && answer.svids.length === 1);
    const chain = splitCertificates(svid.x509Svid);
    const bundles = new Map([['bank-a', x509Bundle(parseTrustDomain('bank-a'), splitCertificates(svid.bundle))]]);
    const { id, leaf } = verifyX509Svid({ chain, bundles, at: Date.now() });
    assert.equal(`${id}`, 'spiffe://bank-a/service');
    const key = createPrivateKey({ key: Buffer.from(svid.x509SvidKey), format: 'der', type: 'pkcs8' });
    assert.ok(leaf.spki.equals(createPublicKey(key).export({ type: 'spki', format: 'der' })));
    assert.deepEqual(Object.keys(answer.federatedBundles), ['spiffe://platform.example']);
    const { bundles: all } = await first(workload(SpiffeWorkloadAPIDefinition).fetchX509Bundles({}));
    assert.deepEqual(Object.keys(all).sort(), ['spiffe://bank-a', 'spiffe://platform.example']);
  }));

for (const [what, metadata] of [
  ['no header', {}],
  ['True', { 'workload.spiffe.io': 'True' }],
  ['TRUE', { 'workload.spiffe.io': 'TRUE' }],
  ['1', { 'workload.spiffe.io': '1' }],
] as const) {
  test(`E-2: refuses a request with ${what} where the security header should be`, () =>
    withHouse(async ({ workload }) => {
      const client = workload(SpiffeWorkloadAPIDefinition, metadata);
      for (const call of [() => first(client.fetchX509SVID({})), () => first(client.fetchX509Bundles({}))]) {
        await assert.rejects(
          call,
          (error) =>
            error instanceof Fault && error.code === 'IDENTITY_HEADER_MISSING' && error.details.grpcStatus === 3,
        );
      }
      const point = workload(EnforcementPointDefinition, metadata);
      await assert.rejects(
        point.reportReceipts({ receiptsJson: [] }),
        (error) => faultCode(error) === 'IDENTITY_HEADER_MISSING',
      );
    }));
}

test('A-3, A-21: a stream tells of a new identity, of a lost one, and ends with PermissionDenied when the last is gone', () =>
  withHouse(async ({ workload, admin }) => {
    const seen: string[][] = [];
    const remove = async (name: string): Promise<void> => {
      const entries = (await admin.list({ kind: 'Entry', trustDomain: 'bank-a' })).documentsJson.map((json) =>
        JSON.parse(json),
      );
      const key = entries.find(({ spiffeId }) => spiffeId === `spiffe://bank-a/${name}`).id;
      await admin.delete({ kind: 'Entry', trustDomain: 'bank-a', key });
    };
    await assert.rejects(
      async () => {
        for await (const { svids } of workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({})) {
          seen.push(svids.map(({ spiffeId }) => spiffeId).sort());
          if (seen.length === 1) await admin.apply({ documentsJson: [JSON.stringify(entry('second'))], dryRun: false });
          if (seen.length === 2) await remove('service');
          if (seen.length === 3) await remove('second');
        }
      },
      (error) => error instanceof Fault && error.code === 'IDENTITY_NO_ENTRY' && error.details.grpcStatus === 7,
    );
    const [service, second] = ['spiffe://bank-a/service', 'spiffe://bank-a/second'];
    assert.deepEqual(seen, [[service], [second, service], [second]]);
  }));

test('a caller without entry learns its code, its selectors and an id that the operator can look up with the nearest entries', () =>
  withHouse(async ({ workload, admin }) => {
    const entries = (await admin.list({ kind: 'Entry', trustDomain: 'bank-a' })).documentsJson.map((json) =>
      JSON.parse(json),
    );
    await admin.delete({
      kind: 'Entry',
      trustDomain: 'bank-a',
      key: entries.find(({ spiffeId }) => spiffeId.endsWith('/service')).id,
    });
    let id = '';
    await until(async () => {
      try {
        await first(workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({}));
        return false;
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === 'IDENTITY_NO_ENTRY');
        assert.ok(JSON.stringify(error.details.selectors).includes(`unix:uid:${UID}`));
        assert.ok(!JSON.stringify(error.details).includes('nobody'));
        id = String(error.details.id);
        return true;
      }
    });
    let explanation: readonly string[] = [];
    await until(async () => {
      explanation = await admin.why({ id }).then(
        (answer) => answer.explanation,
        () => [],
      );
      return explanation.length > 0;
    });
    assert.ok(explanation.some((line) => line.startsWith('nearest entry: spiffe://bank-a/nobody')));
  }));

test('supervisor: a registered session leader gets its selector, a process that leads no session is refused', () =>
  withHouse(async ({ supervisor }) => {
    const { spawn } = await import('node:child_process');
    const leader = spawn('sleep', ['30'], { detached: true, stdio: 'ignore' });
    const pid = leader.pid ?? 0;
    assert.equal((await supervisor.register({ pid, service: 'bank-a/service' })).sessionId, pid);
    const { selectors } = await supervisor.explain({ pid });
    for (const expected of [`unix:uid:${UID}`, `unix:gid:${userInfo().gid}`, 'supervisor:service:bank-a/service'])
      assert.ok(selectors.includes(expected), expected);
    const child = spawn('sleep', ['30'], { stdio: 'ignore' });
    await assert.rejects(
      supervisor.register({ pid: child.pid ?? 0, service: 'bank-a/x' }),
      (error) => faultCode(error) === 'ARGUMENT_INVALID',
    );
    assert.ok(
      !(await supervisor.explain({ pid: child.pid ?? 0 })).selectors.some((selector) =>
        selector.startsWith('supervisor:'),
      ),
    );
    child.kill('SIGKILL');
    leader.kill('SIGKILL');
    await until(() =>
      supervisor.explain({ pid }).then(
        () => false,
        (error) => faultCode(error) === 'NOT_FOUND',
      ),
    );
  }));

test('an enforcement point sees its own trust domain, and of a federated one no policy and no entry', () =>
  withHouse(async ({ workload }) => {
    const updates = new Map<string, readonly string[]>();
    for await (const { caller, update } of workload(EnforcementPointDefinition).watch(never())) {
      assert.deepEqual(caller, ['spiffe://bank-a/service']);
      updates.set(update?.trustDomain ?? '', (update?.upserts ?? []).map(({ kind }) => kind).sort());
      if (updates.size === 2) break;
    }
    assert.deepEqual(updates.get('bank-a'), ['Bundle', 'Bundle', 'TrustDomain']);
    assert.deepEqual(updates.get('platform.example'), ['TrustDomain']);
  }));

test('the server knows which enforcement point behind which agent has applied what, as long as it is there', () =>
  withHouse(async ({ workload, admin }) => {
    const points = async () => {
      const { trustDomains } = await admin.status({});
      return trustDomains.find(({ name }) => name === 'bank-a')?.connected.flatMap((one) => one.points) ?? [];
    };
    const acknowledged = Promise.withResolvers<bigint>();
    async function* acknowledge(): AsyncGenerator<WatchRequest> {
      yield { acknowledge: undefined, takesParts: false };
      const revision = await acknowledged.promise;
      yield { acknowledge: { trustDomain: 'bank-a', revision }, takesParts: false };
      yield* never();
    }
    for await (const { update } of workload(EnforcementPointDefinition).watch(acknowledge())) {
      if (update?.trustDomain !== 'bank-a') continue;
      const one = { spiffeId: 'spiffe://bank-a/service', points: 1 };
      await until(async () => (await points()).length === 1);
      assert.deepEqual(await points(), [{ ...one, revision: 0n }]);
      acknowledged.resolve(update.revision);
      await until(async () => (await points())[0]?.revision !== 0n);
      assert.deepEqual(await points(), [{ ...one, revision: update.revision }]);
      break;
    }
    await until(async () => (await points()).length === 0);
  }));

test('a receipt reaches the ledger with the reporter that the agent attested, not the one it claims', () =>
  withHouse(async ({ workload, admin }) => {
    const receipt = {
      id: 'a'.repeat(32),
      txn: 'b'.repeat(32),
      span: 'c'.repeat(16),
      kind: 'service',
      trustDomain: 'bank-a',
      effect: 'allow',
      code: 'ALLOWED',
      startedAt: new Date().toISOString(),
      durationUs: 1,
      via: ['spiffe://bank-a/somebody-else'],
    };
    const point = workload(EnforcementPointDefinition);
    await point.reportReceipts({ receiptsJson: [JSON.stringify(receipt)] });
    await until(async () => {
      const found = await admin.why({ id: receipt.txn }).then(
        ({ receiptsJson }) => receiptsJson,
        () => [],
      );
      if (found.length > 0) assert.deepEqual(JSON.parse(found[0] ?? '{}').via, ['spiffe://bank-a/service']);
      return found.length > 0;
    });
    const foreign = JSON.stringify({ ...receipt, trustDomain: 'platform.example' });
    await assert.rejects(
      point.reportReceipts({ receiptsJson: [foreign] }),
      (error) => faultCode(error) === 'ARGUMENT_INVALID',
    );
  }));

test('an agent whose server cannot write says why, and serves what it has; it heals by itself', () =>
  withHouse(async ({ workload, server, supervisor }) => {
    const before = await first(workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({}));
    const data = join(dirname(server.adminSocket), 'data');
    const status = async () => (await supervisor.status({})).trustDomains.map(({ code }) => code);
    renameSync(data, `${data}.gone`);
    await until(async () => (await status()).every((code) => code === 'DIRECTORY_UNWRITABLE'));
    const after = await first(workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({}));
    assert.deepEqual(after.svids[0]?.x509Svid, before.svids[0]?.x509Svid);
    renameSync(`${data}.gone`, data);
    await until(async () => (await supervisor.status({})).healthy);
  }));

test('while the server is away a workload still gets the identity it had', () =>
  withHouse(async ({ workload, server, supervisor }) => {
    const before = await first(workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({}));
    await server.close();
    await until(async () => !(await supervisor.status({})).healthy);
    const after = await first(workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({}));
    assert.deepEqual(after.svids[0]?.x509Svid, before.svids[0]?.x509Svid);
  }));

test('A-22: the default identity is the one of the highest priority, then of the lowest entry id', () =>
  withHouse(async ({ workload, admin }) => {
    const spec = { ...entry('main').spec, priority: 10, hint: 'main' };
    await admin.apply({ documentsJson: [JSON.stringify({ ...entry('main'), spec })], dryRun: false });
    const client = workload(SpiffeWorkloadAPIDefinition);
    await until(async () => (await first(client.fetchX509SVID({}))).svids.length === 2);
    const { svids } = await first(client.fetchX509SVID({}));
    assert.deepEqual(
      svids.map(({ spiffeId, hint }) => [spiffeId, hint]),
      [
        ['spiffe://bank-a/main', 'main'],
        ['spiffe://bank-a/service', ''],
      ],
    );
  }));

test('an SVID is issued once, however often it is asked for', () =>
  withHouse(async ({ workload, admin }) => {
    const client = workload(SpiffeWorkloadAPIDefinition);
    const [one] = (await first(client.fetchX509SVID({}))).svids;
    for (let round = 0; round < 5; round++) {
      const [again] = (await first(client.fetchX509SVID({}))).svids;
      assert.deepEqual(again?.x509Svid, one?.x509Svid);
    }
    const { receiptsJson } = await admin.receipts({ limit: 100, kind: 'identity', effect: '' });
    const issued = receiptsJson.map((json) => JSON.parse(json)).filter(({ action }) => action === 'x509-svid:issue');
    assert.equal(issued.length, 1);
  }));

test('every credential that a process is given leaves a receipt: one a connection, however often it asks', () =>
  withHouse(async ({ workload, admin }) => {
    const client = workload(SpiffeWorkloadAPIDefinition);
    for (let round = 0; round < 3; round++) {
      await first(client.fetchX509SVID({}));
      await client.fetchJWTSVID({ audience: ['a'], spiffeId: '' });
    }
    await first(client.fetchWITSVID({ spiffeId: '' }));
    const handedOut = async (): Promise<readonly string[]> => {
      const { receiptsJson } = await admin.receipts({ limit: 100, kind: 'workload-api', effect: 'allow' });
      const receipts = receiptsJson.map((json) => JSON.parse(json));
      assert.ok(
        receipts.every(({ workload: id, detail }) => id === 'spiffe://bank-a/service' && detail.pid === process.pid),
      );
      return receipts.map(({ action }) => action).sort();
    };
    await until(async () => (await handedOut()).length >= 3);
    assert.deepEqual(await handedOut(), ['jwt-svid:fetch', 'wit-svid:fetch', 'x509-svid:fetch']);
  }));
