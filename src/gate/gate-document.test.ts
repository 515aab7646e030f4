import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { parseGateDocument } from './index.ts';

const ROLE = { spiffeId: 'spiffe://bank-a/x', role: 'x' };

function parse(spec: object): ReturnType<typeof parseGateDocument> {
  return parseGateDocument({ spec: { database: 'bank', credentialLifetime: '15m', roles: [ROLE], ...spec } });
}

for (const [text, seconds] of [
  ['15m', 900],
  ['1s', 1],
  [60, 60],
] as const) {
  test(`a credential may live ${text}`, () => {
    assert.equal(parse({ credentialLifetime: text }).credentialLifetimeSeconds, seconds);
  });
}

for (const credentialLifetime of ['901s', '16m', '1h', '0s', '-1m', '', undefined, null, {}, '15']) {
  test(`a credential may not live ${JSON.stringify(credentialLifetime)}`, () => {
    assert.throws(
      () => parse({ credentialLifetime }),
      (error) => faultCode(error) === 'CONFIG_INVALID',
    );
  });
}

for (const role of ['pg_read_all_data', 'hauberk_owner', 'X', 'a"b', '', 'x'.repeat(47), 7]) {
  test(`a role may not be named ${JSON.stringify(role)}`, () => {
    assert.throws(
      () => parse({ roles: [{ ...ROLE, role }] }),
      (error) => faultCode(error) === 'CONFIG_INVALID',
    );
  });
}

test('what is no document is refused', () => {
  for (const json of [undefined, null, 1, 'x', [], {}, { spec: null }]) {
    assert.throws(
      () => parseGateDocument(json),
      (error) => faultCode(error) === 'CONFIG_INVALID',
    );
  }
});
