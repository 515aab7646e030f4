import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode, ManualClock } from '#kernel';
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { EnforcementPointDefinition } from '#wire/gen/hauberk_workload';
import { HealthDefinition, HealthCheckResponse_ServingStatus as Status } from '#wire/gen/health';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { entry, first, type House, never, until, withHouse } from './agent.harness.ts';

const HOUR = 3_600_000;

const stateOf = async ({ supervisor }: House, name = 'bank-a') =>
  (await supervisor.status({})).trustDomains.find((one) => one.name === name);
const renewals = async ({ admin }: House): Promise<number> => {
  const { receiptsJson } = await admin.receipts({ limit: 500, kind: 'agent', effect: '' });
  return receiptsJson.map((json) => JSON.parse(json)).filter(({ action }) => action === 'renew').length;
};

test('after a restart of the server the agent is back by itself, and an open stream learns what changed since', () =>
  withHouse(async (house) => {
    const seen: string[][] = [];
    for await (const { svids } of house.workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({})) {
      seen.push(svids.map(({ spiffeId }) => spiffeId).sort());
      if (seen.length === 2) break;
      await house.restart();
      await until(async () => {
        try {
          await house.admin.apply({ documentsJson: [JSON.stringify(entry('second'))], dryRun: false });
          return true;
        } catch {
          return false;
        }
      });
    }
    assert.deepEqual(seen, [['spiffe://bank-a/service'], ['spiffe://bank-a/second', 'spiffe://bank-a/service']]);
    assert.equal((await stateOf(house))?.state, 'connected');
  }));

test('at half-life the agent renews its own certificate and a stream gets a new SVID, without a word of unavailability', () => {
  const clock = new ManualClock(Date.now());
  return withHouse(async (house) => {
    const chains: string[] = [];
    for await (const { svids } of house.workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({})) {
      chains.push(Buffer.from(svids[0]?.x509Svid ?? []).toString('base64'));
      if (chains.length === 2) break;
      clock.jump(HOUR / 2);
      clock.advance(0);
    }
    assert.notEqual(chains[0], chains[1]);
    await until(async () => (await renewals(house)) === 2);
    // The server’s clock stood still meanwhile: what it issues would soon not hold here, and the agent says so.
    await until(async () => (await stateOf(house))?.code === 'CLOCK_SKEWED');
    assert.ok(Number((await stateOf(house))?.clockSkewMillis) < -60_000);
    clock.jump(-HOUR / 2);
    await until(async () => (await house.supervisor.status({})).healthy);
    await first(house.workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({}));
  }, clock);
});

test('an agent that slept past the end of its certificate says what it needs, and a new join token heals it', () => {
  const clock = new ManualClock(Date.now());
  return withHouse(async (house) => {
    const health = createClient(HealthDefinition, { dial: () => dialUnix(house.socket) });
    assert.equal((await health.check({ service: '' })).status, Status.SERVING);
    clock.advance(2 * HOUR);
    await until(async () => (await stateOf(house))?.state === 'needs-join-token');
    assert.equal((await health.check({ service: '' })).status, Status.NOT_SERVING);
    await assert.rejects(
      first(house.workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({})),
      (error) => faultCode(error) === 'IDENTITY_UNAVAILABLE',
    );
    // The clock is set right again: what had expired by it had been dropped and stays so, until there is a token.
    clock.jump(-2 * HOUR);
    for (const trustDomain of ['bank-a', 'platform.example'])
      await house.supervisor.provideJoinToken({ trustDomain, ...(await house.joinMaterial(trustDomain)) });
    await until(async () => (await house.supervisor.status({})).healthy);
    assert.equal((await health.check({ service: 'SpiffeWorkloadAPI' })).status, Status.SERVING);
    assert.equal((await health.check({ service: 'elsewhere' })).status, Status.SERVICE_UNKNOWN);
    await first(house.workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({}));
    await health.close();
  }, clock);
});

test('a join token that was used is refused once and asked for again, not tried for ever', () =>
  withHouse(async (house) => {
    const used = await house.joinMaterial('bank-a');
    await house.supervisor.provideJoinToken({ trustDomain: 'bank-a', ...used });
    await until(async () => (await stateOf(house))?.agentId.endsWith(used.token) === true);
    await until(async () => (await house.supervisor.status({})).healthy);
    await house.supervisor.provideJoinToken({ trustDomain: 'bank-a', ...used });
    await until(async () => (await stateOf(house))?.state === 'needs-join-token');
    assert.equal((await stateOf(house, 'platform.example'))?.state, 'connected');
    await house.supervisor.provideJoinToken({ trustDomain: 'bank-a', ...(await house.joinMaterial('bank-a')) });
    await until(async () => (await house.supervisor.status({})).healthy);
  }));

test('refuses join material of a trust domain that is not served, without token, or with the bundle of another', () =>
  withHouse(async (house) => {
    const material = await house.joinMaterial('bank-a');
    const { bundleJson } = await house.joinMaterial('platform.example');
    for (const [request, code] of [
      [{ trustDomain: 'elsewhere', ...material }, 'NOT_FOUND'],
      [{ trustDomain: 'bank-a', ...material, token: '' }, 'ARGUMENT_INVALID'],
      [{ trustDomain: 'bank-a', ...material, bundleJson }, 'BUNDLE_INVALID'],
      [{ trustDomain: 'bank-a', ...material, bundleJson: '{' }, 'BUNDLE_INVALID'],
    ] as const)
      await assert.rejects(house.supervisor.provideJoinToken(request), (error) => faultCode(error) === code);
    assert.equal((await house.supervisor.status({})).healthy, true);
  }));

test('attack: a server whose certificate is not of the bundle that came with the token learns neither token nor request', () =>
  withHouse(async (house) => {
    const { token } = await house.joinMaterial('bank-a');
    const { bundleJson } = await house.joinMaterial('platform.example');
    const forged = JSON.stringify({ ...JSON.parse(bundleJson), trustDomain: 'bank-a', sequence: 1_000_000 });
    await house.supervisor.provideJoinToken({ trustDomain: 'bank-a', token, bundleJson: forged });
    // Another bundle is asked for: with this one the agent would knock for ever, as after a sleep in which the server made a new CA.
    await until(async () => (await stateOf(house))?.state === 'needs-join-token');
    assert.equal((await stateOf(house))?.agentId, '');
    // The token was not spent on the stranger.
    await house.supervisor.provideJoinToken({ trustDomain: 'bank-a', token, ...(await bundleOf(house)) });
    await until(async () => (await stateOf(house))?.agentId.endsWith(token) === true);
  }));

const bundleOf = async ({ admin }: House) => admin.getBundle({ trustDomain: 'bank-a' });

test('an enforcement point is told of a second identity of its own', () =>
  withHouse(async (house) => {
    const callers: string[] = [];
    for await (const { caller, update } of house.workload(EnforcementPointDefinition).watch(never())) {
      if (update?.trustDomain !== 'bank-a') continue;
      callers.push(caller.toSorted().join(' '));
      if (callers.length === 2) break;
      await house.admin.apply({ documentsJson: [JSON.stringify(entry('second'))], dryRun: false });
    }
    assert.deepEqual(callers, ['spiffe://bank-a/service', 'spiffe://bank-a/second spiffe://bank-a/service']);
  }));

test('an enforcement point is told that a trust domain concerns it no longer', () =>
  withHouse(async (house) => {
    const withdrawn = entry('service');
    const sizes: number[] = [];
    for await (const { update } of house.workload(EnforcementPointDefinition).watch(never())) {
      if (update?.trustDomain !== 'platform.example') continue;
      sizes.push(update.upserts.length);
      assert.equal(update.full, true);
      if (sizes.length === 2) break;
      const documentsJson = [JSON.stringify({ ...withdrawn, spec: { ...withdrawn.spec, federatesWith: [] } })];
      await house.admin.apply({ documentsJson, dryRun: false });
    }
    assert.ok((sizes[0] ?? 0) > 0);
    assert.equal(sizes[1], 0);
  }));
