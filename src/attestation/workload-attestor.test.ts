import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '#kernel';
import { attestNow, attestProcess, type WorkloadAttestor } from './workload-attestor.ts';

const PROCESS = { pid: 1, uid: 0, gid: 0 };
const seen: WorkloadAttestor = { name: 'seen', attest: async () => [{ type: 'seen', value: 'yes' }] };

test('an attestor that fails says nothing and keeps no other from speaking', async () => {
  const failing: WorkloadAttestor = { name: 'failing', attest: () => Promise.reject(new Fault('NOT_FOUND', 'gone')) };
  const selectors = await attestProcess([failing, seen], PROCESS, new AbortController().signal);
  assert.deepEqual(selectors, [{ type: 'seen', value: 'yes' }]);
});

test('an attestor that never answers and ignores its signal is left out when time is up', async () => {
  const stuck: WorkloadAttestor = { name: 'stuck', attest: () => new Promise(() => {}) };
  const time = new AbortController();
  const answer = attestProcess([stuck, seen], PROCESS, time.signal);
  time.abort();
  assert.deepEqual(await answer, []);
  const patient = new AbortController();
  const other = attestProcess([stuck, seen], PROCESS, patient.signal);
  await new Promise((resolve) => setImmediate(resolve));
  patient.abort();
  assert.deepEqual(await other, [{ type: 'seen', value: 'yes' }]);
});

test('where no attestor has to wait the answer is there at once; one that fails is left out, one that has to wait is waited for', async () => {
  const now = (name: string): WorkloadAttestor => ({ ...seen, name, attestNow: () => [{ type: name, value: 'yes' }] });
  const failing: WorkloadAttestor = {
    ...now('failing'),
    attestNow: () => {
      throw new Fault('NOT_FOUND', 'gone');
    },
  };
  const said = [
    { type: 'a', value: 'yes' },
    { type: 'b', value: 'yes' },
  ];
  assert.deepEqual(attestNow([now('a'), failing, now('b')], PROCESS), said);
  assert.equal(attestNow([now('a'), seen], PROCESS), undefined);
  assert.equal(attestNow([now('a'), { ...seen, attestNow: () => undefined }], PROCESS), undefined);
});
