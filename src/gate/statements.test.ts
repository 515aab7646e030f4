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
  ["ALTER ROLE CURRENT_USER PASSWORD 'mine'", 'forbidden'],
  ["alter/* x */user me with password 'mine'", 'forbidden'],
  ['SELECT 1; ALTER -- x\n ROLE me SET a = 1', 'forbidden'],
  ["SELECT '/*'; ALTER ROLE me PASSWORD 'x'; SELECT '*/'", 'forbidden'],
  ["SELECT $$ ; $$; AlTeR UsEr me PASSWORD 'x'", 'forbidden'],
  ["INSERT INTO t VALUES ('alter role x')", 'forbidden'],
  ['DROP OWNED BY CURRENT_USER', 'forbidden'],
  ['REASSIGN OWNED BY a TO b', 'forbidden'],
  ['DO $$ BEGIN NULL; END $$', 'forbidden'],
  ['/* a */ do language plpgsql $$ $$', 'forbidden'],
  ['SELECT 1;/**/DO $$ $$', 'forbidden'],
  ['INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING', 'other'],
  ['SELECT done, altered FROM dropped; SELECT doing FROM x', 'other'],
  ['SELECT alter_role, "do" FROM t', 'other'],
  ['-- only a comment', 'other'],
  ['/* open', 'other'],
  ['', 'other'],
];
for (const [sql, kind] of cases) {
  test(`"${sql.replaceAll('\n', ' ')}" is read as ${kind}`, () => assert.equal(readStatement(sql).kind, kind));
}
