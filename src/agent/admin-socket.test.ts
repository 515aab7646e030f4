import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { Fault, LogThreshold, systemClock } from '#kernel';
import { createClient } from '#rpc';
import { parseTrustDomain, verifyX509Svid, x509Bundle } from '#spiffe';
import { DebugDefinition } from '#wire/gen/spire/api/agent/debug';
import { DelegatedIdentityDefinition } from '#wire/gen/spire/api/agent/delegatedidentity';
import { LoggerDefinition } from '#wire/gen/spire/api/agent/logger';
import { LogLevel } from '#wire/gen/spire/api/types';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { splitCertificates } from '#x509';
import { entry, first, type House, withHouse } from './agent.harness.ts';

const DELEGATE = 'spiffe://bank-a/service';
const OTHER = [{ type: 'unix', value: 'uid:4000000000' }];
const refused = (grpcStatus: number) => (error: unknown) =>
  error instanceof Fault && error.details.grpcStatus === grpcStatus;
const withDelegate = (run: (house: House) => Promise<void>) =>
  withHouse(run, systemClock, { authorizedDelegates: [DELEGATE] });
const delegated = ({ adminSocket }: House) => createClient(DelegatedIdentityDefinition, { socketPath: adminSocket });

test('a delegate gets the SVIDs of the workload that it describes, with keys, and hears of every change', () =>
  withDelegate(async (house) => {
    const client = delegated(house);
    const stream = client.subscribeToX509SVIDs({ selectors: OTHER, pid: 0 })[Symbol.asyncIterator]();
    const next = async () => (await stream.next()).value;
    const { x509Svids, federatesWith } = await next();
    assert.deepEqual(federatesWith, ['spiffe://platform.example']);
    const [{ x509Svid, x509SvidKey }] = x509Svids;
    assert.deepEqual(x509Svid.id, { trustDomain: 'bank-a', path: '/nobody' });
    assert.ok(x509SvidKey.length > 0);
    const { caCertificates } = await first(client.subscribeToX509Bundles({}));
    assert.deepEqual(Object.keys(caCertificates).sort(), ['spiffe://bank-a', 'spiffe://platform.example']);
    const own = splitCertificates(caCertificates['spiffe://bank-a'] ?? Buffer.alloc(0));
    const bundles = new Map([['bank-a', x509Bundle(parseTrustDomain('bank-a'), own)]]);
    verifyX509Svid({ chain: x509Svid.certChain, bundles, at: Date.now() });
    await house.removeEntry('nobody');
    // The whole state each time: nothing is left, and the stream stays.
    assert.deepEqual(await next(), { x509Svids: [], federatesWith: [] });
    await stream.return?.();
    await client.close();
  }));

test('JWT-SVIDs of a process that the agent attests itself, and the bundles that verify them', () =>
  withDelegate(async (house) => {
    const client = delegated(house);
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const subject = { selectors: [], pid: child.pid ?? 0 };
    const { svids } = await client.fetchJWTSVIDs({ audience: ['a'], ...subject });
    assert.deepEqual(
      svids.map(({ id }) => id?.path),
      ['/service'],
    );
    assert.ok(svids.every(({ token, expiresAt, issuedAt }) => token !== '' && expiresAt > issuedAt));
    const { bundles } = await first(client.subscribeToJWTBundles({}));
    assert.deepEqual(Object.keys(bundles).sort(), ['spiffe://bank-a', 'spiffe://platform.example']);
    const stream = client.subscribeToX509SVIDs(subject)[Symbol.asyncIterator]();
    await stream.next();
    child.kill('SIGKILL');
    await once(child, 'exit');
    // The next look finds the process ended, whoever has its pid by then.
    await house.admin.apply({ documentsJson: [JSON.stringify(entry('another'))], dryRun: false });
    await assert.rejects(async () => void (await stream.next()), refused(5));
    await client.close();
  }));

test('attack: who is no delegate, asks for both or neither, or for an administrator’s identity, gets nothing', async () => {
  await withHouse(async (house) => {
    const client = delegated(house);
    await assert.rejects(first(client.subscribeToX509SVIDs({ selectors: OTHER, pid: 0 })), refused(7));
    await assert.rejects(client.fetchJWTSVIDs({ audience: ['a'], selectors: OTHER, pid: 0 }), refused(7));
    await assert.rejects(first(client.subscribeToX509Bundles({})), refused(7));
    await client.close();
    const open = house.workload(DelegatedIdentityDefinition);
    await assert.rejects(first(open.subscribeToJWTBundles({})), refused(12));
  });
  await withDelegate(async (house) => {
    const client = delegated(house);
    const ask = (subject: { selectors: typeof OTHER; pid: number }) => first(client.subscribeToX509SVIDs(subject));
    await assert.rejects(ask({ selectors: [], pid: 0 }), refused(3));
    await assert.rejects(ask({ selectors: OTHER, pid: process.pid }), refused(3));
    await assert.rejects(ask({ selectors: [{ type: 'a:b', value: 'c' }], pid: 0 }), refused(3));
    await assert.rejects(ask({ selectors: [], pid: 2 ** 30 }), refused(5));
    await assert.rejects(client.fetchJWTSVIDs({ audience: [], selectors: OTHER, pid: 0 }), refused(3));
    for (const power of ['admin', 'downstream']) {
      const document = { ...entry(power, 'a:b'), spec: { ...entry(power, 'a:b').spec, [power]: true } };
      await house.admin.apply({ documentsJson: [JSON.stringify(document)], dryRun: false });
    }
    await house.admin.apply({ documentsJson: [JSON.stringify(entry('plain', 'a:b'))], dryRun: false });
    for await (const { x509Svids } of client.subscribeToX509SVIDs({ selectors: [{ type: 'a', value: 'b' }], pid: 0 })) {
      assert.ok(x509Svids.every(({ x509Svid }) => x509Svid?.id?.path === '/plain'));
      if (x509Svids.length > 0) break;
    }
    await client.close();
  });
});

test('Debug tells what the agent holds; the log level can be moved and reset', async () => {
  const logLevel = new LogThreshold();
  await withHouse(
    async ({ adminSocket, workload }) => {
      await first(workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({}));
      await workload(SpiffeWorkloadAPIDefinition).fetchJWTSVID({ audience: ['a'], spiffeId: '' });
      const debug = createClient(DebugDefinition, { socketPath: adminSocket });
      const { svidChain, cachedX509SvidsCount, cachedJwtSvidsCount, lastSyncSuccess } = await debug.getInfo({});
      assert.deepEqual([svidChain[0]?.id?.trustDomain, cachedX509SvidsCount, cachedJwtSvidsCount], ['bank-a', 1, 1]);
      assert.ok(svidChain[0]?.id?.path.startsWith('/spire/agent/'));
      assert.ok(Math.abs(Number(lastSyncSuccess) - Date.now() / 1000) < 60);
      const logger = createClient(LoggerDefinition, { socketPath: adminSocket });
      const info = { currentLevel: LogLevel.INFO, launchLevel: LogLevel.INFO };
      assert.deepEqual(await logger.getLogger({}), info);
      assert.deepEqual(await logger.setLogLevel({ newLevel: LogLevel.TRACE }), {
        ...info,
        currentLevel: LogLevel.DEBUG,
      });
      assert.equal(logLevel.current, 'debug');
      await assert.rejects(logger.setLogLevel({ newLevel: LogLevel.UNSPECIFIED }), refused(3));
      assert.deepEqual(await logger.resetLogLevel({}), info);
      for (const client of [debug, logger]) await client.close();
    },
    systemClock,
    { logLevel },
  );
});
