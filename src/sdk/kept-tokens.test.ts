import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TokenQuestion, verifyToken } from '#jwt';
import { LIMITS, ManualClock, unixSeconds } from '#kernel';
import { KeptTokens } from './kept-tokens.ts';
import { anyone, mint } from './serve.harness.ts';

async function keeping() {
  const clock = new ManualClock(Date.UTC(2026, 5, 1));
  const enforcement = anyone(unixSeconds(clock));
  let verified = 0;
  const kept = new KeptTokens((question: TokenQuestion) => {
    verified++;
    return verifyToken(question);
  });
  const token = (change = {}) => mint('internal-jwt', unixSeconds(clock), change);
  const ask = (one: string, audience = 'bank-a', kind: 'internal-jwt' | 'txn-token' = 'internal-jwt') =>
    kept.verify({ token: one, kind, audience, clock }, enforcement);
  return { clock, enforcement, token, ask, count: () => verified };
}

test('a token that comes again is verified once, until it ends', async () => {
  const { clock, token, ask, count } = await keeping();
  const one = await token();
  const first = await ask(one);
  clock.advance(35_999_000);
  assert.equal(await ask(one), first);
  assert.equal(count(), 1);
  clock.advance(1000);
  await assert.rejects(ask(one), { code: 'TOKEN_EXPIRED' });
});

test('attack: what was verified as one kind, for one audience, or by a key that is gone does not pass as another', async () => {
  const { token, ask, enforcement, count } = await keeping();
  const one = await token();
  await ask(one);
  await assert.rejects(ask(one, 'bank-b'), { code: 'TOKEN_AUDIENCE_MISMATCH' });
  await assert.rejects(ask(one, 'bank-a', 'txn-token'), { code: 'TOKEN_KIND_MISMATCH' });
  await assert.rejects(ask(`${one.slice(0, -6)}AAAAAA`));
  assert.equal(count(), 4);
  enforcement.apply({ trustDomain: 'bank-a', revision: 2n, full: true, upserts: [], removals: [] });
  await assert.rejects(ask(one), { code: 'MINTER_UNKNOWN' });
});

test('a registration that has changed is asked again', async () => {
  const { token, ask, enforcement, count } = await keeping();
  const one = await token();
  await ask(one);
  const minter = enforcement.minter('bank-a', 'key-of-the-edge');
  const upsert = (change: object) => {
    const bodyJson = JSON.stringify({ ...minter, ...change });
    const upserts = [{ kind: 'Minter', key: 'key-of-the-edge', bodyJson }];
    enforcement.apply({ trustDomain: 'bank-a', revision: 2n, full: false, upserts, removals: [] });
  };
  upsert({});
  await ask(one);
  assert.equal(count(), 1);
  upsert({ kinds: ['txn-token'] });
  await assert.rejects(ask(one), { code: 'MINTER_UNKNOWN' });
});

test('a bound number is kept, and what is refused is not', async () => {
  const { token, ask, count } = await keeping();
  const one = await token();
  await ask(one);
  for (let index = 0; index < LIMITS.verifiedTokens.value; index++) await ask(await token({ jti: `${index}` }));
  const before = count();
  await ask(one);
  assert.equal(count(), before + 1);
  const bad = await token({ tenant: 'bank-b' });
  for (let again = 0; again < 2; again++) await assert.rejects(ask(bad), { code: 'TOKEN_CLAIM_INVALID' });
  assert.equal(count(), before + 3);
});
