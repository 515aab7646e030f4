// The wire of the stock programs where they cannot be had: their recorded requests, answered as a stock server answered them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { type Spire, withSpire } from '../../../src/server/spire/spire.harness.ts';
import { SCRIPTS } from './commands/index.ts';
import { recording } from './wire/recordings.ts';
import { Replay } from './wire/replay.ts';

for (const name of Object.keys(SCRIPTS))
  test(`recorded: spire-server 1.15.3, ${name}`, () =>
    withSpire(async (spire) => {
      if (name === 'agent') await attested(spire);
      assert.deepEqual(await replayed(spire, name), []);
    }));

/** An agent as it was at the recorded server. */
async function attested(spire: Spire): Promise<void> {
  const client = spire.tls(AgentDefinition, await spire.attest('/node/local'));
  await client.postStatus({ agentVersion: '1.15.3', currentBundleSerial: 0n });
}

async function replayed(spire: Spire, name: string): Promise<readonly string[]> {
  const socketPath = spire.server.spire('bank-a')?.socket ?? '';
  const session = connect('http://localhost', { createConnection: () => createConnection(socketPath) });
  try {
    const replay = new Replay(session);
    const problems: string[] = [];
    for (const call of recording(name)) {
      const problem = await replay.play(call);
      if (problem !== undefined && call.differs !== true) problems.push(problem);
    }
    return problems;
  } finally {
    session.close();
    await once(session, 'close');
  }
}
