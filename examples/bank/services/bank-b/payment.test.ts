import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPayment, isSame } from './payment.ts';

const payment = { to: 'rent', amountCents: 1250, reference: 'r-1' };

test('a payment is read; what is added to it is not', () => {
  assert.deepEqual(findPayment({ ...payment, owner: 'spiffe://bank-b/user/1' }), payment);
});

const wrong: readonly (readonly [string, unknown])[] = [
  ['no object', 'payment'],
  ['null', null],
  ['no recipient', { ...payment, to: '' }],
  ['a recipient with markup', { ...payment, to: '<b>' }],
  ['a recipient of 81 characters', { ...payment, to: 'a'.repeat(81) }],
  ['nothing', { ...payment, amountCents: 0 }],
  ['less than nothing', { ...payment, amountCents: -1 }],
  ['part of a cent', { ...payment, amountCents: 0.5 }],
  ['an amount as text', { ...payment, amountCents: '1250' }],
  ['more than a million', { ...payment, amountCents: 100_000_001 }],
  ['no reference', { ...payment, reference: undefined }],
  ['a reference with a space', { ...payment, reference: 'a b' }],
];
for (const [what, body] of wrong) {
  test(`${what} is no payment`, () => assert.equal(findPayment(body), undefined));
}

test('a reference belongs to one recipient and amount', () => {
  assert.equal(isSame({ recipient: 'rent', amount_cents: '1250' }, payment), true);
  assert.equal(isSame({ recipient: 'rent', amount_cents: '1251' }, payment), false);
  assert.equal(isSame({ recipient: 'bob', amount_cents: '1250' }, payment), false);
  assert.equal(isSame(undefined, payment), false);
});
