import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameText } from './name-text.ts';

test('RFC 4514 §2.1: a name is one line, its last part first', () => {
  assert.equal(nameText('C=US\nO=SPIRE\nCN=web.local'), 'CN=web.local,O=SPIRE,C=US');
  assert.equal(nameText('O=SPIRE'), 'O=SPIRE');
  assert.equal(nameText(''), '');
});
