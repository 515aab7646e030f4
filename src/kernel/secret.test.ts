import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { createLog } from './log.ts';
import { equalSecrets, Secret } from './secret.ts';

test('a secret shows itself in no conversion, JSON, inspection or log line', () => {
  const secret = new Secret('hunter2');
  let logged = '';
  createLog({ write: (line) => (logged += line) }).info('a sentence', { secret, nested: { secret } });
  for (const shown of [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), logged]) {
    assert.ok(!shown.includes('hunter2'), shown);
  }
  assert.equal(secret.reveal(), 'hunter2');
});

test('secrets of other length or content are not equal', () => {
  assert.ok(equalSecrets('abc', Buffer.from('abc')));
  assert.ok(!equalSecrets('abc', 'abd'));
  assert.ok(!equalSecrets('abc', 'abcd'));
});
