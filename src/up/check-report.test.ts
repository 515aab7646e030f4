import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportJson, reportOf, reportText } from './check-report.ts';

const link = {
  txn: 'a'.repeat(32),
  seq: 1,
  kind: 'edge',
  effect: 'allow',
  startedAt: '2026-01-01T00:00:00.000Z',
  durationUs: 1500,
} as const;
const denial = { name: 'n', code: 'C', link: 'edge', txn: 'b'.repeat(32), expected: 'C', observed: 'C', ok: true };

test('is ok only when there are links and denials, every denial held and nothing else failed', () => {
  const whole = { links: [link], denials: [denial], failures: [] };
  assert.equal(reportOf(whole, 1).ok, true);
  assert.equal(reportOf({ ...whole, denials: [{ ...denial, ok: false }] }, 1).ok, false);
  assert.equal(reportOf({ ...whole, failures: ['x'] }, 1).ok, false);
  assert.equal(reportOf({ ...whole, links: [] }, 1).ok, false);
  assert.equal(reportOf({ ...whole, denials: [] }, 1).ok, false);
});

test('ends with one line of verdict; JSON is one document', () => {
  const report = reportOf({ links: [link], denials: [denial], failures: [] }, 1234);
  assert.equal(reportText(report).split('\n').at(-1), 'chain ok: 1 links, 1 denials, 1.2 s');
  const json: unknown = JSON.parse(reportJson(report));
  assert.deepEqual(json, { ok: true, durationMs: 1234, links: [link], denials: [denial] });
});
