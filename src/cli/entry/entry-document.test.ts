import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDocument } from '#config';
import { entryDocument } from './entry-document.ts';

const words = {
  spiffeId: 'spiffe://bank-a/ns/pay/sa/App',
  parentId: 'spiffe://bank-a/node/local',
  selector: ['unix:uid:1'],
};

test('an entry has a name made of its path', () => {
  const document = parseDocument(entryDocument(words));
  assert.match(document.metadata.name, /^ns-pay-sa-app-[0-9a-f]{8}$/);
});

test('every word of the command line is a field of the document', () => {
  const document = parseDocument(
    entryDocument({
      ...words,
      entryId: 'pay',
      owner: 'me',
      x509SvidTtl: '30m',
      jwtSvidTtl: '5m',
      dns: ['pay.example'],
      federatesWith: ['bank-b'],
      hint: 'main',
      entryExpiry: '2030-01-31T00:00:00Z',
      admin: true,
      downstream: true,
      storeSvid: true,
    }),
  );
  assert.ok(document.kind === 'Entry');
  assert.deepEqual(Object.keys(document.spec).length, 12);
});

test('an id that is none is refused, and so is a lifetime without a unit', () => {
  assert.throws(() => entryDocument({ ...words, spiffeId: 'bank-a/x' }), { code: 'SPIFFE_ID_INVALID' });
  assert.throws(() => parseDocument(entryDocument({ ...words, x509SvidTtl: '30' })), { code: 'CONFIG_INVALID' });
});
