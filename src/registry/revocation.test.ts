import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode, LIMITS } from '#kernel';
import { parseRevocation } from './revocation.ts';

const ALICE = 'spiffe://bank-a/user/1';
const APP = 'spiffe://bank-a/ns/pay/sa/app';

function parse(body: object, key?: string) {
  const { kind, value }: { readonly kind?: unknown; readonly value?: unknown } = body;
  return parseRevocation('bank-a', { key: key ?? `${kind}:${value}`, body, userPath: '/user/' });
}

const refused = (body: object, key?: string): void =>
  assert.throws(
    () => parse(body, key),
    (error) => faultCode(error) === 'REVOCATION_INVALID',
    JSON.stringify(body),
  );

test('a revocation names a user, session, workload, minter or transaction, with reason and end', () => {
  for (const [kind, value] of [
    ['user', ALICE],
    ['session', 'c2Vzc2lvbg'],
    ['workload', APP],
    ['minter', 'kid-1'],
    ['minter', APP],
    ['txn', 'abc'],
  ]) {
    const whole = { kind, value, revokedAt: 10, reason: 'stolen laptop', expiresAt: 20 };
    assert.deepEqual(parse(whole), whole);
    assert.deepEqual(parse({ kind, value, revokedAt: 10, reason: '' }), { kind, value, revokedAt: 10 });
  }
});

test('an id that no user and no workload of the trust domain can have would revoke nothing, and is refused', () => {
  for (const [kind, value] of [
    ['user', 'alice'],
    ['user', APP],
    ['user', 'spiffe://bank-b/user/1'],
    ['workload', ALICE],
    ['workload', 'spiffe://bank-b/ns/pay/sa/app'],
    ['workload', 'spiffe://bank-a'],
    ['workload', 'spiffe://bank-a/spire/agent/x509pop/1'],
    ['workload', `${APP}/`],
    ['minter', 'spiffe://Bank-A/ns/edge'],
    ['minter', `${APP}/`],
    ['session', ''],
    ['agent', 'x'],
  ])
    refused({ kind, value, revokedAt: 10 });
});

test('a revocation that is filed under another key, ends before it begins, or breaks a table is refused', () => {
  const body = { kind: 'session', value: 's', revokedAt: 10 };
  refused(body, 'session:other');
  refused({ ...body, revokedAt: -1 });
  refused({ ...body, revokedAt: '10' });
  refused({ ...body, expiresAt: 10 });
  refused({ ...body, expiresAt: 11.5 });
  // The end of the year 9999 and the second after it.
  parse({ ...body, expiresAt: 253_402_300_799 });
  refused({ ...body, expiresAt: 253_402_300_800 });
  refused({ ...body, reason: 'one\ntwo' });
  refused({ ...body, reason: 'x'.repeat(LIMITS.revocationValueBytes.value + 1) });
  refused({ ...body, value: 'x'.repeat(LIMITS.revocationValueBytes.value + 1) });
});
