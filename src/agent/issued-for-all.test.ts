import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, faultCode, ManualClock, silentLog, systemRandom } from '#kernel';
import type { Entitlement } from './entitlement.ts';
import { issuedForAll } from './issued-for-all.ts';
import { Membership } from './membership.ts';

const membership = new Membership({
  name: 'bank-a',
  joinToken: 'unused',
  bundle: { trustDomain: 'bank-a', x509Authorities: [], sequence: 1, refreshHintSeconds: 60 },
  server: { host: '127.0.0.1', port: 1 },
  clock: new ManualClock(),
  random: systemRandom,
  log: silentLog,
});
const entitlement = (id: string): Entitlement => ({
  membership,
  entry: { id, spiffeId: `spiffe://bank-a/${id}`, parentId: '', selectors: ['a:b'] },
});
const issuedOf = ({ entry }: Entitlement) => ({
  spiffeId: entry.spiffeId,
  renewAt: 10_000,
  notBefore: 0,
  notAfter: 20_000,
});
const away = new Fault('IDENTITY_UNAVAILABLE', 'away');

test('what is held is given at once, by the very object that is held', () => {
  const held = issuedOf(entitlement('a'));
  const given = issuedForAll([entitlement('a')], 0, () => held);
  assert.ok(!(given instanceof Promise));
  assert.equal(given.identities[0].issued, held);
  assert.equal(given.renewAt, 10_000);
});

test('one that cannot be issued holds back no other, whether it fails at once or later; it is tried again soon', async () => {
  const some = [entitlement('a'), entitlement('b'), entitlement('c')];
  const ask = (one: Entitlement) => {
    if (one.entry.id === 'a') throw away;
    return one.entry.id === 'b' ? Promise.reject(away) : issuedOf(one);
  };
  const { identities, renewAt } = await issuedForAll(some, 0, ask);
  assert.deepEqual(
    identities.map(({ entry }) => entry.id),
    ['c'],
  );
  assert.equal(renewAt, 1000);
});

test('none that can be issued is a fault, and so is nobody to issue for', async () => {
  const refused = (error: unknown): boolean => faultCode(error) === 'IDENTITY_UNAVAILABLE';
  await assert.rejects(async () => issuedForAll([entitlement('a')], 0, () => Promise.reject(away)), refused);
  await assert.rejects(async () => issuedForAll([], 0, issuedOf), refused);
});
