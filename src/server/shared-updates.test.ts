import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedUpdates } from './shared-updates.ts';

const update = (change: object = {}) => ({
  trustDomain: 'bank-a',
  revision: 7n,
  full: false,
  upserts: [{ kind: 'Entry', key: 'a', bodyJson: '{}' }],
  removals: [{ kind: 'Service', key: 's' }],
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

test('a whole update is of one agent', () => {
  const updates = new SharedUpdates();
  const whole = update({ full: true });
  assert.notEqual(updates.responseOf(whole), updates.responseOf(whole));
});
