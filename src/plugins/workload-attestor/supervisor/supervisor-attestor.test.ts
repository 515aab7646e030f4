import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { readStat } from './process-stat.ts';
import { SupervisorAttestor } from './supervisor-attestor.ts';

const attest = (attestor: SupervisorAttestor, pid: number) => attestor.attest({ pid, uid: 0, gid: 0 });

/** A session leader (`setsid`) whose shell has a child of its own and says the child's pid. */
async function withLeader(
  run: (leader: ChildProcess, pid: number, grandchild: number) => Promise<void>,
): Promise<void> {
  const leader = spawn('sh', ['-c', 'sleep 60 & echo $!; wait'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const pid = leader.pid ?? 0;
  try {
    assert.ok(leader.stdout !== null);
    const [said] = await once(leader.stdout, 'data');
    await run(leader, pid, Number(String(said)));
  } finally {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // All of it has ended already.
    }
  }
}

test('a registered leader and the children of its session have the selector, others have not', () =>
  withLeader(async (_leader, pid, grandchild) => {
    const attestor = new SupervisorAttestor();
    assert.deepEqual(await attest(attestor, pid), []);
    assert.equal(attestor.register(pid, 'bank-a/service'), pid);
    const expected = [{ type: 'supervisor', value: 'service:bank-a/service' }];
    assert.deepEqual(await attest(attestor, pid), expected);
    assert.deepEqual(await attest(attestor, grandchild), expected);
    assert.deepEqual(await attest(attestor, process.pid), []);
    attestor.deregister(pid);
    assert.deepEqual(await attest(attestor, grandchild), []);
  }));

test('when the leader has ended its children are nobody, and a new process of its pid would be too', () =>
  withLeader(async (leader, pid, grandchild) => {
    const attestor = new SupervisorAttestor();
    attestor.register(pid, 'bank-a/service');
    process.kill(pid, 'SIGKILL');
    await once(leader, 'exit');
    assert.equal(readStat(grandchild)?.session, pid);
    assert.deepEqual(await attest(attestor, grandchild), []);
  }));

test('refuses a process that leads no session, one that is gone, and a name that is none', () =>
  withLeader(async (_leader, pid, grandchild) => {
    const attestor = new SupervisorAttestor();
    const refused = (register: () => unknown): void =>
      assert.throws(register, (error) => faultCode(error) === 'ARGUMENT_INVALID');
    refused(() => attestor.register(grandchild, 'bank-a/service'));
    for (const none of [0, -1, 2 ** 22 + 1]) refused(() => attestor.register(none, 'bank-a/service'));
    for (const service of ['', 'service', 'a/b/c', 'a/b:c', '../x', 'a/ b', `a/${'b'.repeat(64)}`])
      refused(() => attestor.register(pid, service));
  }));
