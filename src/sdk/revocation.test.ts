import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import type { RevocationResource } from '#wire';
import type { Handler } from './exchange.ts';
import { ALICE, EDGE, ID, serving, TXN } from './serve.harness.ts';

const OF_TOKEN: readonly (readonly [RevocationResource['kind'], string])[] = [
  ['user', ALICE],
  ['session', 'session-1'],
  ['txn', TXN],
  ['minter', EDGE],
];

for (const [kind, value] of OF_TOKEN) {
  test(`a revoked ${kind}: tokens of before are refused on the open connection, later ones and those of others are not`, () =>
    serving(async ({ ask, token, revoke, clock }) => {
      const headers = { 'Txn-Token': await token() };
      assert.equal((await ask('/', { headers })).status, 200);
      revoke(kind, `${value}-other`);
      assert.equal((await ask('/', { headers })).status, 200);
      revoke(kind, value);
      assert.equal((await ask('/', { headers })).code, 'TOKEN_REVOKED');
      clock.advance(1000);
      assert.equal((await ask('/', { headers: { 'Txn-Token': await token() } })).status, 200);
      assert.equal((await ask('/')).status, 200);
    }));
}

test('a revoked key of a minter signs nothing any more, whenever', () =>
  serving(async ({ ask, token, revoke, clock }) => {
    revoke('minter', 'key-of-the-edge');
    clock.advance(60_000);
    assert.equal((await ask('/', { headers: { 'Txn-Token': await token() } })).code, 'MINTER_UNKNOWN');
  }));

test('an internal JWT of a revoked session is refused', () =>
  serving(async ({ ask, token, revoke }) => {
    const headers = { Authorization: `Bearer ${await token('internal-jwt')}` };
    assert.equal((await ask('/', { headers })).status, 200);
    revoke('session', 'session-1');
    assert.equal((await ask('/', { headers })).code, 'TOKEN_REVOKED');
  }));

test('a revoked workload is refused on its open connection and on new ones', () =>
  serving(async ({ ask, revoke, pool, receipts }) => {
    assert.equal((await ask()).status, 200);
    revoke('workload', ID);
    assert.equal((await ask()).code, 'PEER_REVOKED');
    pool.close();
    assert.equal((await ask()).code, 'PEER_REVOKED');
    assert.deepEqual(
      receipts.map(({ code }) => code),
      ['ALLOWED', 'PEER_REVOKED', 'PEER_REVOKED'],
    );
  }));

for (const [kind, value, code] of [
  ['user', ALICE, 'TOKEN_REVOKED'],
  ['workload', ID, 'PEER_REVOKED'],
] as const) {
  test(`a request under way whose ${kind} is revoked is denied, and its handler’s signal aborted`, async () => {
    const started = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<unknown>();
    const handler: Handler = async ({ signal }) => {
      signal.addEventListener('abort', () => aborted.resolve(signal.reason));
      started.resolve();
      await aborted.promise;
      return { body: '{"late":true}' };
    };
    await serving(
      async ({ ask, token, revoke, receipts }) => {
        const asked = ask('/', { headers: { 'Txn-Token': await token() } });
        await started.promise;
        revoke(kind, `${value}-other`);
        revoke(kind, value);
        assert.equal((await asked).code, code);
        assert.equal(faultCode(await aborted.promise), code);
        assert.deepEqual(
          receipts.map(({ effect }) => effect),
          ['deny'],
        );
      },
      { handler },
    );
  });
}
