import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedUpdates } from './shared-updates.ts';

const update = (change: object = {}) => ({
  trustDomain: 'bank-a',
  revision: 7n,
  full: false,
  upserts: [{ kind: 'Entry', key: 'a', bodyJson: '{}' }],
  removals: [{ kind: 'Service', key: 's' }],
  more: false,
  ...change,
});
const bundle = (bodyJson: string) => ({ upserts: [{ kind: 'Bundle', key: 'bank-b', bodyJson }] });

test('what two agents are sent alike is one message; what is different in anything is another', () => {
  const updates = new SharedUpdates();
  const first = updates.responseOf(update());
  assert.equal(updates.responseOf(update()), first);
  assert.deepEqual(first, { update: update(), pulse: undefined });
  const others = [
    { trustDomain: 'bank-b' },
    { revision: 8n },
    { upserts: [] },
    { removals: [] },
    { more: true },
    { upserts: [{ kind: 'Entry', key: 'a', bodyJson: '{"hint":"x"}' }] },
    { upserts: [{ kind: 'Service', key: 's', bodyJson: '{}' }], removals: [{ kind: 'Entry', key: 'a' }] },
    bundle('{"sequence":1}'),
    bundle('{"sequence":2}'),
  ];
  const responses = [first, ...others.map((change) => updates.responseOf(update(change)))];
  assert.equal(new Set(responses).size, others.length + 1);
  assert.deepEqual(
    responses.slice(1).map((response) => response.update),
    others.map((change) => update(change)),
  );
});

test('a whole update is of one agent, its parts may be of many', () => {
  const updates = new SharedUpdates();
  const whole = update({ full: true });
  assert.notEqual(updates.responseOf(whole), updates.responseOf(whole));
  const part = update({ full: true, more: true });
  assert.equal(updates.responseOf(part), updates.responseOf({ ...part }));
});

test('no more than a few are kept, the oldest go', () => {
  const updates = new SharedUpdates();
  const large = (revision: bigint) => update({ revision, ...bundle('x'.repeat(3 * 1024 * 1024)) });
  const first = updates.responseOf(large(1n));
  const last = [2n, 3n, 4n, 5n, 6n].map((revision) => updates.responseOf(large(revision))).at(-1);
  assert.notEqual(updates.responseOf(large(1n)), first);
  assert.equal(updates.responseOf(large(6n)), last);
});
