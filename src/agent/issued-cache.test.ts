import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, faultCode, ManualClock } from '#kernel';
import type { EntryResource } from '#wire';
import { type Issued, IssuedCache } from './issued-cache.ts';

const entry = (id: string): EntryResource => ({ id, spiffeId: `spiffe://td/${id}`, parentId: '', selectors: ['a:b'] });

function world(limit: number) {
  const clock = new ManualClock();
  const state = { issued: 0, fails: false };
  const cache = new IssuedCache<Issued>({ clock, limit });
  const get = async (one: EntryResource, variant = '', judged: 'good' | 'replace' | 'void' = 'good') =>
    cache.get({
      entry: one,
      variant,
      judge: () => judged,
      issue: async () => {
        if (state.fails) throw new Fault('IDENTITY_UNAVAILABLE', 'away');
        state.issued++;
        const now = clock.now();
        return { spiffeId: one.spiffeId, renewAt: now + 1000, notBefore: now - 300_000, notAfter: now + 2000 };
      },
    });
  return { clock, state, cache, get };
}

test('the whole tuple decides: entry, what it says, and variant; callers at once share one request', async () => {
  const { state, get } = world(10);
  const one = entry('one');
  const [a, b] = await Promise.all([get(one), get(one)]);
  assert.equal(a, b);
  assert.equal(await get({ ...one }), a);
  assert.equal(state.issued, 1);
  await get(one, 'x');
  await get({ ...one, hint: 'h' });
  await get(entry('two'));
  assert.equal(state.issued, 4);
});

test('while nothing can be issued the old one is given until it expires, unless the bundle voids it', async () => {
  const { clock, state, get } = world(10);
  const one = entry('one');
  await get(one);
  state.fails = true;
  clock.advance(1000);
  assert.equal((await get(one)).notAfter - clock.now(), 1000);
  assert.ok(await get(one, '', 'replace'));
  const unavailable = (error: unknown): boolean => faultCode(error) === 'IDENTITY_UNAVAILABLE';
  await assert.rejects(get(one, '', 'void'), unavailable);
  clock.advance(1000);
  await assert.rejects(get(one), unavailable);
});

test('clock set back: what is still valid is given while nothing can be issued, what is of the future is not', async () => {
  const { clock, state, get } = world(10);
  const one = entry('one');
  await get(one);
  state.fails = true;
  clock.jump(-300_000);
  assert.ok(await get(one));
  clock.jump(-1);
  await assert.rejects(get(one), (error) => faultCode(error) === 'IDENTITY_UNAVAILABLE');
  state.fails = false;
  assert.ok(await get(one));
  assert.equal(state.issued, 2);
});

test('beyond the limit the least recently used go; what somebody still holds is found again', async () => {
  const { state, cache, get } = world(2);
  const held = await get(entry('one'));
  await get(entry('two'));
  await get(entry('three'));
  assert.deepEqual([cache.size, state.issued], [2, 3]);
  assert.equal(await get(entry('one')), held);
  assert.deepEqual([cache.size, state.issued], [2, 3]);
  cache.keep((id) => id === 'three');
  assert.equal(cache.size, 1);
});

test('a clock that is set back by minutes makes what was issued one of the future: another is asked for', async () => {
  const { clock, state, get } = world(2);
  const one = entry('one');
  await get(one);
  clock.jump(-60_000);
  await get(one);
  assert.equal(state.issued, 1);
  clock.jump(-1);
  await get(one);
  assert.equal(state.issued, 2);
  clock.jump(-300_000);
  state.fails = true;
  assert.ok(await get(one), 'the server is away: what there is');
});
