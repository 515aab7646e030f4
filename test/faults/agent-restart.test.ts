import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { SpiffeWorkloadAPIDefinition, type X509SVIDResponse } from '#wire/gen/workloadapi';
import { House } from './house.ts';

const HEAL_MILLIS = 60_000;
const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

/** A client as go-spiffe's: holds the stream, and opens it again when it has ended. */
function watching(house: House, signal: AbortSignal) {
  const heard: X509SVIDResponse[] = [];
  let ended = 0;
  const watch = async (): Promise<void> => {
    for (; !signal.aborted; await pause(200)) {
      const client = createClient(SpiffeWorkloadAPIDefinition, {
        dial: () => dialUnix(house.workloadSocket('two')),
        metadata: { 'workload.spiffe.io': 'true' },
      });
      try {
        for await (const response of client.fetchX509SVID({}, signal)) heard.push(response);
      } catch {
        // The agent is away, or has not attested yet: asked again.
      }
      ended++;
      await client.close();
    }
  };
  void watch();
  return { heard, ended: () => ended };
}

test('agents that are killed while streams are open: services keep serving, streams come back with a new identity', async () => {
  const house = await House.open();
  const end = new AbortController();
  const failures: string[] = [];
  const tally = async () => {
    const now = await house.tally();
    failures.push(...Object.keys(now.failures));
    return now;
  };
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    for (const deadline = performance.now() + HEAL_MILLIS; !(await holds()); await pause(50))
      assert.ok(performance.now() < deadline, house.logs());
  };
  try {
    await house.warm();
    const client = watching(house, end.signal);
    await until(() => client.heard.length === 1);
    const { serial } = await tally();
    for (const node of ['two', 'one'] as const) {
      await house.kill(`agent-${node}`);
      // Meanwhile what the two ends hold is enough for them.
      const { calls } = await tally();
      assert.ok(calls > 0);
      await pause(1000);
      assert.ok((await tally()).calls > 0, house.logs());
      await house.startAgent(node);
      await house.until(node, 'green', HEAL_MILLIS);
    }
    await until(() => client.heard.length > 1);
    assert.ok(client.ended() > 0);
    await until(async () => (await tally()).serial !== serial);
    // Who asks an agent that is not there is told so; who has an identity needs none.
    assert.deepEqual(
      failures.filter((failure) => !failure.startsWith('workload api: ')),
      [],
      house.logs(),
    );
    await house.warm();
    await pause(1000);
    const after = await house.tally();
    assert.ok(after.calls > 0);
    assert.deepEqual(after.failures, {}, house.logs());
  } finally {
    end.abort();
    await house.close();
  }
});
