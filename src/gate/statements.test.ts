import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStatement } from './statements.ts';

const cases: readonly (readonly [string, string])[] = [
  ["SET hauberk.txn_token = 'a.b.c'", 'txn-token'],
  ["set HAUBERK.Txn_Token='a.b.c';", 'txn-token'],
  ["  SET LOCAL hauberk.txn_token TO 'a.b.c' ; ", 'txn-token'],
  ["SET hauberk.traceparent = '00-x'", 'traceparent'],
  ["SET hauberk.txn_token = 'a'; SELECT 1", 'misplaced'],
  ["SET hauberk.txn_token = 'a\\'", 'misplaced'],
  ["SET hauberk.txn_token = E'a'", 'misplaced'],
  ["SET hauberk . txn_token = 'a'", 'misplaced'],
  ['SET "hauberk"."txn_token" = \'a\'', 'misplaced'],
  ["SELECT set_config('hauberk.txn_token', 'x', true)", 'misplaced'],
  ['SHOW hauberk.txn_token', 'misplaced'],
  ['SET ROLE x', 'role-change'],
  ['RESET ROLE', 'role-change'],
  ['; SET ROLE x', 'role-change'],
  ['SET\n SESSION /* */ AUTHORIZATION x', 'other'],
  ['/*/* nested */*/ set session authorization x', 'role-change'],
  ['SET hauberk.context = 1', 'other'],
  ['SET rolename = 1', 'other'],
  ["SELECT 'SET ROLE x'", 'other'],
  ['-- only a comment', 'other'],
  ['/* open', 'other'],
  ['', 'other'],
];
for (const [sql, kind] of cases) {
  test(`"${sql.replaceAll('\n', ' ')}" is read as ${kind}`, () => assert.equal(readStatement(sql).kind, kind));
}
