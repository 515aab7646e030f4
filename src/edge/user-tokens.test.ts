import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { ManualClock, silentLog, systemRandom, unixSeconds } from '#kernel';
import { SpiffeId } from '#spiffe';
import { ALICE, EDGE_ID, FakeWorkload } from './edge.harness.ts';
import { Minters } from './minters.ts';
import type { Session } from './sessions.ts';
import { UserTokens } from './user-tokens.ts';

const MINUTE = 60_000;
const SECONDS = 900;

function house() {
  const clock = new ManualClock(Date.now());
  const privateKey = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
  const workload = new FakeWorkload({ id: SpiffeId.parse(EDGE_ID), chain: [], privateKey, notBefore: 0, notAfter: 0 });
  const minters = new Minters({ workload, clock, log: silentLog, kinds: ['txn-token', 'internal-jwt'] });
  const settings = { txnTokenSeconds: 300, internalJwtSeconds: SECONDS, random: systemRandom };
  const tokens = new UserTokens({ minters, workload, clock, ...settings });
  const user = { spiffeId: SpiffeId.parse(ALICE), tenant: 'bank-a', roles: [], permissions: [], scope: [] };
  const session: Session = { sid: 's', user, createdAt: 0, expiresAt: Number.MAX_SAFE_INTEGER, tokens: new Map() };
  return {
    clock,
    mint: (origin = 'o') => tokens.internalJwt(session, { requireToken: true, injectRequestHeaders: [] }, origin),
  };
}

test('an internal JWT is kept for two thirds of its time, by audience and origin, and then minted again', async () => {
  const { clock, mint } = house();
  const first = await mint();
  clock.advance(10 * MINUTE - 1);
  assert.equal(await mint(), first);
  assert.notEqual((await mint('elsewhere')).token, first.token);
  clock.advance(1);
  assert.notEqual((await mint()).token, first.token);
});

test('clock −5 min: a kept token would be of the future for every service, and another is minted; a second later it is kept', async () => {
  const { clock, mint } = house();
  const first = await mint();
  clock.jump(-5 * MINUTE);
  const again = await mint();
  assert.notEqual(again.token, first.token);
  assert.equal(again.claims.iat, unixSeconds(clock));
  clock.advance(1000);
  assert.equal(await mint(), again);
});

test('clock +9 h: what ended meanwhile is not handed out', async () => {
  const { clock, mint } = house();
  const first = await mint();
  clock.jump(9 * 60 * MINUTE);
  const again = await mint();
  assert.notEqual(again.token, first.token);
  assert.ok(Number(again.claims.exp) > unixSeconds(clock));
});
