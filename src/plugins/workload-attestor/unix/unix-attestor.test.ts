import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unixAttestor } from './index.ts';

test('says the uid and gid that the kernel named, and nothing else', async () => {
  const selectors = await unixAttestor.attest({ pid: 1, uid: 1000, gid: 1001 }, new AbortController().signal);
  assert.deepEqual(selectors, [
    { type: 'unix', value: 'uid:1000' },
    { type: 'unix', value: 'gid:1001' },
  ]);
});
