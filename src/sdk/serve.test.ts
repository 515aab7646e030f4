import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Receipt } from '#chain';
import { Fault, ManualClock, systemRandom } from '#kernel';
import type { ServiceResource } from '#wire';
import { ReceiptReporter } from '#wire';
import { type Forged, forge } from '../../test/forge/certificate.ts';
import { dialService } from './dial-service.ts';
import { Enforcement } from './enforcement.ts';
import type { Handler } from './exchange.ts';
import { type FetchResponse, ServicePool } from './fetch.ts';
import { Identity } from './identity.ts';
import { createGuardedServer } from './serve.ts';

const ID = 'spiffe://bank-a/service';
const HOUR = 3_600_000;
const service: ServiceResource = {
  name: 'service',
  namespace: 'bank-a',
  trustDomain: 'bank-a',
  spiffeId: ID,
  labels: {},
  protocol: 'http',
  endpoints: [],
};

/** A message of the Workload API: a leaf of `authority` and the bundle `trusted`. */
function message(clock: ManualClock, authority: Forged, trusted: readonly Forged[] = [authority], lifetime = HOUR) {
  const leaf = forge({ uris: [ID], notBefore: clock.now() - 2 * HOUR, notAfter: clock.now() + lifetime }, authority);
  const svid = {
    spiffeId: ID,
    x509Svid: leaf.der,
    x509SvidKey: leaf.key.export({ type: 'pkcs8', format: 'der' }),
    bundle: Buffer.concat(trusted.map(({ der }) => der)),
    hint: '',
  };
  return { svids: [svid], crl: [], federatedBundles: {} };
}

const authorityAt = (clock: ManualClock): Forged =>
  forge({ ca: true, notBefore: clock.now() - HOUR, notAfter: clock.now() + 100 * HOUR });

function anyone(): Enforcement {
  const enforcement = new Enforcement();
  const metadata = { name: 'anyone', namespace: 'bank-a' };
  const bodyJson = JSON.stringify({ metadata, spec: { rules: [{}] } });
  const upserts = [{ kind: 'AuthorizationPolicy', key: 'bank-a/anyone', bodyJson }];
  enforcement.apply({ trustDomain: 'bank-a', revision: 1n, full: true, upserts, removals: [] });
  return enforcement;
}

interface Served {
  readonly clock: ManualClock;
  readonly authority: Forged;
  readonly identity: Identity;
  readonly receipts: Receipt[];
  readonly pool: ServicePool;
  ask(): Promise<{ status: number; code: unknown }>;
}

interface Setting {
  readonly handler?: Handler;
  readonly reserve?: () => (receipt: Receipt) => void;
}

async function serving(run: (served: Served) => Promise<void>, setting: Setting = {}): Promise<void> {
  const clock = new ManualClock(Date.UTC(2026, 5, 1));
  const authority = authorityAt(clock);
  const identity = new Identity(clock);
  // The client has a clock of its own, so that only the server's judgement is tried.
  const client = new Identity(new ManualClock(clock.now()));
  identity.apply(message(clock, authority));
  client.apply(message(clock, authority, [authority], 2 * HOUR));
  const receipts: Receipt[] = [];
  const server = createGuardedServer(
    {
      identity,
      enforcement: anyone(),
      self: () => service,
      reserve: setting.reserve ?? (() => (receipt) => receipts.push(receipt)),
      fetch: () => Promise.reject(new Fault('SERVICE_UNKNOWN', 'there is no other service')),
      clock,
      random: systemRandom,
    },
    setting.handler ?? (async () => ({ body: '{}' })),
  ).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port }: AddressInfo = Object(server.address());
  const there = { ...service, endpoints: [{ host: '127.0.0.1', port }] };
  const pool = new ServicePool(() => dialService(there, client, (chain) => void client.verify(chain, 'server')));
  try {
    await run({ clock, authority, identity, receipts, pool, ask: async () => seen(await pool.request('/', 'x', {})) });
  } finally {
    pool.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function seen(answer: FetchResponse): Promise<{ status: number; code: unknown }> {
  return { status: answer.status, code: Object(await answer.json()).code };
}

test('denies on open and new connections at the end of its own SVID, with a receipt, and goes on with a new one', () =>
  serving(async ({ clock, authority, identity, receipts, pool, ask }) => {
    assert.equal((await ask()).status, 200);
    clock.advance(HOUR - 1);
    assert.equal((await ask()).status, 200);
    clock.advance(1);
    assert.deepEqual(await ask(), { status: 503, code: 'IDENTITY_UNAVAILABLE' });
    pool.close();
    assert.deepEqual(await ask(), { status: 503, code: 'IDENTITY_UNAVAILABLE' });
    assert.deepEqual(
      receipts.map(({ effect, workload }) => [effect, workload]),
      ['allow', 'allow', 'deny', 'deny'].map((effect) => [effect, ID]),
    );
    identity.apply(message(clock, authority));
    assert.equal((await ask()).code, undefined);
  }));

test('a connection is denied at the end of the SVID that its peer came with', () =>
  serving(async ({ clock, authority, identity, ask }) => {
    assert.equal((await ask()).status, 200);
    clock.advance(2 * HOUR);
    identity.apply(message(clock, authority));
    assert.deepEqual(await ask(), { status: 401, code: 'PEER_CERTIFICATE_EXPIRED' });
  }));

test('an authority that is taken out of the bundle ends open connections, one that stays does not', () =>
  serving(async ({ clock, authority, identity, ask }) => {
    assert.equal((await ask()).status, 200);
    const next = authorityAt(clock);
    identity.apply(message(clock, next, [authority, next]));
    assert.equal((await ask()).status, 200);
    identity.apply(message(clock, next));
    assert.equal((await ask()).code, 'PEER_CHAIN_UNTRUSTED');
  }));

test('without room for a receipt no handler runs, and the denial is answered', async () => {
  let handled = 0;
  const reserve = (): never => {
    throw new Fault('LIMIT_EXCEEDED', 'full');
  };
  await serving(async ({ ask }) => assert.equal((await ask()).code, 'LIMIT_EXCEEDED'), {
    reserve,
    handler: async () => ({ status: 200 + ++handled }),
  });
  assert.equal(handled, 0);
});

test('a request under way survives the rotation of its client', async () => {
  const started = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const handler: Handler = async () => {
    started.resolve();
    await goOn.promise;
    return { body: '{}' };
  };
  await serving(
    async ({ ask, pool }) => {
      const answer = ask();
      await started.promise;
      pool.close();
      goOn.resolve();
      assert.equal((await answer).status, 200);
    },
    { handler },
  );
});

test('a handler that answers with an impossible header is one denial, not an allow', () =>
  serving(
    async ({ ask, receipts }) => {
      assert.equal((await ask()).code, 'INTERNAL_ERROR');
      assert.deepEqual(
        receipts.map(({ effect }) => effect),
        ['deny'],
      );
    },
    { handler: async () => ({ headers: { 'x-bad': 'a\nb' } }) },
  ));

test('10,000 receipts may wait, those of requests under way included, and not one more', async () => {
  const reporter = new ReceiptReporter(() => Promise.reject(new Fault('UPSTREAM_UNAVAILABLE', 'the agent is away')));
  for (let count = 0; count < 10_000; count++) reporter.reserve();
  assert.throws(() => reporter.reserve(), { code: 'LIMIT_EXCEEDED' });
  await reporter.close();
});
