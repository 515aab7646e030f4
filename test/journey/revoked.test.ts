import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '#rpc';
import { AgentsDefinition } from '#wire/gen/hauberk_agents';
import { hauberk } from '../../src/cli/cli.harness.ts';
import { RunningBank, until } from './running-bank.ts';

/** Many times what it takes, which is told as a diagnostic. */
const WITHIN_MILLIS = 20_000;

const ALICE = 'spiffe://bank-a/user/12345';
const ACCOUNTS = 'spiffe://bank-a/account-service';

test('what is revoked is refused in the running bank, on connections and sessions that stand, until it is restored', async (t) => {
  const bank = await RunningBank.start();
  const socket = join(bank.directory, 'run', 'server', 'admin.sock');
  const agents = createClient(AgentsDefinition, { socketPath: socket });
  const run = async (...words: readonly string[]): Promise<string> => {
    const ran = await hauberk(...words, '--socket', socket);
    assert.deepEqual([ran.error, ran.status], ['', 0]);
    return ran.out;
  };
  try {
    await bank.heals(WITHIN_MILLIS);
    const alice = await bank.signIn('alice@bank-a');
    const carol = await bank.signIn('carol@bank-a');
    const reads = async (browser: typeof alice): Promise<string> => {
      const { status, body } = await browser.fetch(`${bank.origin}/bank-a/me`);
      return status === 200 ? 'ALLOWED' : String(JSON.parse(body).code);
    };
    const becomes = async (code: string): Promise<void> => {
      const since = performance.now();
      let last = '';
      const asked = async (): Promise<boolean> => {
        last = await reads(alice);
        return last === code;
      };
      await until(asked, WITHIN_MILLIS, () => `alice is answered ${last}, not ${code}`);
      t.diagnostic(`${code} ${Math.round(performance.now() - since)} ms after the command had ended`);
    };
    assert.deepEqual([await reads(alice), await reads(carol)], ['ALLOWED', 'ALLOWED']);

    const revoked = await run('revoke', 'user', ALICE, '--reason', 'stolen laptop');
    // Edge, gate and the services of bank-a.
    assert.match(revoked, /applied by ([5-9]|\d\d) of \1 enforcement points behind 1 of 1 agents after \d+ ms/);
    await becomes('TOKEN_REVOKED');
    assert.equal(await reads(carol), 'ALLOWED');
    await run('revocation', 'restore', 'user', ALICE);
    await becomes('ALLOWED');

    await run('revoke', 'workload', ACCOUNTS);
    await becomes('PEER_REVOKED');
    await run('revocation', 'restore', 'workload', ACCOUNTS);
    await becomes('ALLOWED');

    const agent = async () => (await agents.list({ trustDomain: 'bank-a' })).agents[0];
    const { id = '', connected, banned } = (await agent()) ?? {};
    assert.deepEqual([connected, banned], [true, false]);
    await run('agent', 'ban', id);
    const isOut = async () => (await agent())?.banned === true && (await agent())?.connected === false;
    await until(isOut, WITHIN_MILLIS, () => 'the agent is connected still');
  } finally {
    await agents.close();
    await bank.stop();
  }
});
