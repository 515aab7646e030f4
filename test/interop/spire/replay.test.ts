// The wire of the stock programs where they cannot be had: their recorded requests, answered as a stock server answered them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { pemCertificates } from '#x509';
import { type Identity, type Spire, withSpire } from '../../../src/server/spire/spire.harness.ts';
import { SCRIPTS } from './commands/index.ts';
import { furnish } from './wire/furnish.ts';
import { recording } from './wire/recordings.ts';
import { Replay } from './wire/replay.ts';

for (const name of Object.keys(SCRIPTS))
  test(`recorded: spire-server 1.15.3, ${name}`, () =>
    withSpire(async (spire) => {
      if (name === 'agent') await attested(spire);
      assert.deepEqual(await replayed(spire, name), []);
    }));

test('recorded: spire-agent 1.15.3, from its attestation to its renewal', () =>
  withSpire(async (spire) => {
    await furnish(spire);
    const problems: string[] = [];
    const calls = recording('agent-wire');
    for (const call of calls) {
      // It came in without a certificate; each call after that has one of its own, for a renewal ends what came before.
      const identity = call.method.endsWith('/AttestAgent') ? undefined : await spire.attest('/node/stock');
      const problem = await overTls(spire, identity, (session) => new Replay(session).play(call));
      if (problem !== undefined) problems.push(problem);
    }
    assert.deepEqual(problems, []);
    assert.ok(calls.length >= 6, 'the whole life of an agent');
  }));

async function overTls<T>(
  spire: Spire,
  identity: Identity | undefined,
  use: (session: ClientHttp2Session) => Promise<T>,
): Promise<T> {
  const { host, port } = spire.server.spire('bank-a')?.tls ?? { host: '', port: 0 };
  const own =
    identity === undefined
      ? {}
      : { key: identity.key.export({ type: 'pkcs8', format: 'pem' }), cert: pemCertificates(identity.chain) };
  const session = connect(`https://${host}:${port}`, { ...own, rejectUnauthorized: false });
  try {
    return await use(session);
  } finally {
    session.close();
    await once(session, 'close');
  }
}

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
