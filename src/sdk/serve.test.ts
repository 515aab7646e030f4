import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '#kernel';
import { ReceiptReporter } from '#wire';
import type { Handler } from './exchange.ts';
import { authorityAt, HOUR, ID, message, serving } from './serve.harness.ts';

const codes = async (asked: Promise<{ status: number; code: unknown }>): Promise<unknown[]> => {
  const { status, code } = await asked;
  return [status, code];
};

test('denies on open and new connections at the end of its own SVID, with a receipt, and goes on with a new one', () =>
  serving(async ({ clock, authority, identity, receipts, pool, ask }) => {
    assert.equal((await ask()).status, 200);
    clock.advance(HOUR - 1);
    assert.equal((await ask()).status, 200);
    clock.advance(1);
    assert.deepEqual(await codes(ask()), [503, 'IDENTITY_UNAVAILABLE']);
    pool.close();
    assert.deepEqual(await codes(ask()), [503, 'IDENTITY_UNAVAILABLE']);
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
    assert.deepEqual(await codes(ask()), [401, 'PEER_CERTIFICATE_EXPIRED']);
  }));

test('an authority that is taken out of the bundle ends open connections, one that stays does not', () =>
  serving(async ({ clock, authority, identity, ask }) => {
    assert.equal((await ask()).status, 200);
    const next = authorityAt(clock);
    identity.apply(message(clock, next, { trusted: [authority, next] }));
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

test('a kept connection that the service has closed is opened again for reading, and not for writing', () =>
  serving(async ({ ask, server }) => {
    assert.equal((await ask()).status, 200);
    // Without a word, as a service that was killed.
    const cut = (): void => server.closeAllConnections();
    cut();
    assert.equal((await ask()).status, 200);
    cut();
    const written = await ask('/', { method: 'POST', body: '{}' }).catch(({ code }) => ({ status: code }));
    assert.ok(written.status === 'UPSTREAM_UNAVAILABLE' || written.status === 200);
  }));

test('attack on itself: a burst opens 64 connections and not one more, however long the handshakes take, and keeps them', () =>
  serving(async ({ ask, server }) => {
    let opened = 0;
    server.on('connection', () => opened++);
    for (let burst = 0; burst < 2; burst++) {
      const answers = await Promise.all(Array.from({ length: 300 }, () => ask()));
      assert.ok(answers.every(({ status }) => status === 200));
    }
    assert.equal(opened, 64);
  }));

test('10,000 receipts may wait, those of requests under way included, and not one more', async () => {
  const reporter = new ReceiptReporter(() => Promise.reject(new Fault('UPSTREAM_UNAVAILABLE', 'the agent is away')));
  for (let count = 0; count < 10_000; count++) reporter.reserve();
  assert.throws(() => reporter.reserve(), { code: 'LIMIT_EXCEEDED' });
  await reporter.close();
});
