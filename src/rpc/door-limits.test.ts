import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode, LIMITS } from '#kernel';
import { peerOfAddress } from './door-limits.ts';
import { CallBytes, HeldBytes } from './held-bytes.ts';
import { Quota } from './quota.ts';

test('one peer is one IPv4 address, in whatever spelling, or one /64 of IPv6', () => {
  assert.equal(peerOfAddress('192.0.2.1'), '192.0.2.1');
  assert.equal(peerOfAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(peerOfAddress('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(peerOfAddress('2001:db8:1:2::9'), '2001:db8:1:2::/64');
  assert.equal(peerOfAddress('2001:db8::9'), '2001:db8:0:0::/64');
  assert.equal(peerOfAddress('fe80::1%eth0'), 'fe80:0:0:0::/64');
  assert.equal(peerOfAddress('::1'), '0:0:0:0::/64');
  assert.notEqual(peerOfAddress('2001:db8:1:3::9'), peerOfAddress('2001:db8:1:2::9'));
});

test('the first bytes of a connection are free, what is beyond counts for its peer and is given back', () => {
  const free = LIMITS.connectionFreeBytes.value;
  const quota = new Quota({ total: 1000, ofOne: 1000 });
  const [one, other] = [new HeldBytes(quota, 'a'), new HeldBytes(quota, 'a')];
  one.add(free + 600);
  other.add(free + 400);
  assert.throws(
    () => other.add(1),
    (error) => faultCode(error) === 'LIMIT_EXCEEDED',
  );
  new HeldBytes(quota, 'a').add(free);
  one.remove(1);
  other.add(1);
  one.remove(free + 599);
  other.add(599);
  other.remove(free + 1000);
  assert.equal(quota.take('a', 1000), true);
});

test('a call that ends gives back all that it held, once', () => {
  const quota = new Quota({ total: 1000, ofOne: 1000 });
  const connection = new HeldBytes(quota, 'a');
  connection.add(LIMITS.connectionFreeBytes.value);
  const call = new CallBytes(connection);
  call.hold(700);
  call.hold(-100);
  assert.equal(quota.take('b', 401), false);
  call.end();
  call.end();
  call.hold(5);
  assert.equal(quota.take('b', 1000), true);
});
