import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '#kernel';
import { formatTraceparent, isTxn, newSpan, newTxn, parentSpanOf, REASON_CODES, reasonCode } from './index.ts';

/** What a link says that was let through. */
const NOTES = new Set(['ALLOWED', 'IDENTITY_HEADERS_STRIPPED']);

test('codes are upper case with underscores and denials never map to success', () => {
  for (const [code, entry] of Object.entries(REASON_CODES)) {
    assert.match(code, /^[A-Z]+(_[A-Z]+)*$/);
    if (!NOTES.has(code)) assert.ok(entry.http >= 400 && entry.exit !== 0 && entry.grpc !== 'OK', code);
  }
});

test('an unregistered code reads as an internal error', () => {
  assert.equal(reasonCode('toString').http, 500);
});

test('a parent span counts only for its own transaction', () => {
  const txn = newTxn(systemRandom);
  const span = newSpan(systemRandom);
  assert.ok(isTxn(txn));
  assert.equal(parentSpanOf(formatTraceparent(txn, span), txn), span);
  assert.equal(parentSpanOf(formatTraceparent(txn, span), newTxn(systemRandom)), undefined);
  for (const bad of [undefined, '', 'x', `00-${txn}-${'0'.repeat(16)}-01`, `00-${txn}-${span}-01 `]) {
    assert.equal(parentSpanOf(bad, txn), undefined);
  }
});
