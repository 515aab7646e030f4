import assert from 'node:assert/strict';
import { test } from 'node:test';
import { table, visible } from './index.ts';

test('attack: what a receipt says moves no cursor, sets no title, adds no row and turns no writing round', () => {
  assert.equal(visible('\u001b[2J\u001b]0;owned\u0007'), '\\u001b[2J\\u001b]0;owned\\u0007');
  assert.equal(visible('a\u009b31mb\u202ec\u2028d\re'), 'a\\u009b31mb\\u202ec\\u2028d\\u000de');
  assert.equal(visible('Zoë\t– 日本 {"a":"b"}'), 'Zoë\t– 日本 {"a":"b"}');
  assert.equal(table(['rule'], [['x\n  forged']]).split('\n').length, 2);
  const json = JSON.stringify({ rule: '\u009b\u202e' });
  assert.deepEqual(JSON.parse(visible(json)), JSON.parse(json));
});
