import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAgent } from '#agent';
import { Fault, faultCode, isFault, Lifecycle, silentLog, systemClock, systemRandom } from '#kernel';
import { createClient } from '#rpc';
import { startServer } from '#server';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { diagnose } from './diagnose.ts';
import { connectWorkload } from './index.ts';

const ID = 'spiffe://bank-a/service';
const NODE = 'spiffe://bank-a/node/local';
const v1 = { apiVersion: 'hauberk.dev/v1' };
const DOMAIN = { ...v1, kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec: { namespaces: ['bank-a'] } };
const ENTRY = {
  ...v1,
  kind: 'Entry',
  metadata: { name: 'service', trustDomain: 'bank-a' },
  spec: { spiffeId: ID, parentId: NODE, selectors: [`unix:uid:${userInfo().uid}`] },
};

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  try {
    await promise;
  } catch (error) {
    if (isFault(error)) return error;
    throw error;
  }
  assert.fail('it should have failed');
}

async function withDirectory(run: (directory: string, life: Lifecycle) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sdk-'));
  const life = new Lifecycle();
  try {
    await run(directory, life);
  } finally {
    await life.close();
    rmSync(directory, { recursive: true });
  }
}

test('an agent that starts later and an entry that comes later are waited for; in the end it is said what is missing', () =>
  withDirectory(async (directory, life) => {
    const common = { clock: systemClock, random: systemRandom, log: silentLog };
    const socketPath = join(directory, 'w.sock');
    const sync = { host: '127.0.0.1', port: 0 };
    const server = life.own(
      await startServer({ dataDir: join(directory, 'd'), adminSocket: join(directory, 's.sock'), sync, ...common }),
    );
    const admin = life.own(createClient(AdminDefinition, { socketPath: server.adminSocket }));
    await admin.apply({ documentsJson: [JSON.stringify(DOMAIN)], dryRun: false });
    const { token } = await admin.createJoinToken({ trustDomain: 'bank-a', ttlSeconds: 60, spiffeId: NODE });
    const bundle = JSON.parse((await admin.getBundle({ trustDomain: 'bank-a' })).bundleJson);
    const waiting = connectWorkload({ socketPath, timeoutMillis: 40_000 });
    const sockets = { workloadSocket: socketPath, adminSocket: join(directory, 'a.sock') };
    const trustDomains = [{ name: 'bank-a', joinToken: token, bundle }];
    life.own(await startAgent({ node: 'local', ...sockets, server: server.sync, trustDomains, ...common }));
    let refused = await faultOf(connectWorkload({ socketPath, timeoutMillis: 400 }));
    // Until the agent has attested there is another thing missing.
    for (let turn = 0; turn < 20 && refused.code !== 'IDENTITY_NO_ENTRY'; turn++)
      refused = await faultOf(connectWorkload({ socketPath, timeoutMillis: 400 }));
    assert.equal(refused.code, 'IDENTITY_NO_ENTRY');
    const { selectors, id } = refused.details;
    assert.ok(Array.isArray(selectors) && selectors.includes(`unix:uid:${userInfo().uid}`));
    assert.ok(refused.message.includes(`unix:uid:${userInfo().uid}`) && refused.message.includes(String(id)));
    await admin.apply({ documentsJson: [JSON.stringify(ENTRY)], dryRun: false });
    const workload = life.own(await waiting);
    assert.equal(workload.id.toString(), ID);
  }));

test('a socket that is not there, and one at which nobody listens any more, are told apart', () =>
  withDirectory(async (directory) => {
    const socketPath = join(directory, 'w.sock');
    const missing = await faultOf(connectWorkload({ socketPath, timeoutMillis: 100 }));
    assert.equal(missing.code, 'AGENT_SOCKET_MISSING');
    assert.ok(missing.message.includes(socketPath));
    assert.equal(diagnoseErrno('ECONNREFUSED'), 'AGENT_SOCKET_REFUSED');
    assert.equal(diagnoseErrno('EACCES'), 'AGENT_SOCKET_REFUSED');
  }));

const diagnoseErrno = (code: string): string => {
  const failure = new Fault('UPSTREAM_UNAVAILABLE', 'nothing answers', { cause: Object.assign(new Error(), { code }) });
  return diagnose({ socketPath: '/run/agent.sock', hasIdentity: false, failure }).code;
};

test('an agent that accepts and says nothing is no identity in time, and a signal ends the waiting at once', () =>
  withDirectory(async (directory, life) => {
    const socketPath = join(directory, 'w.sock');
    const silent = createServer(() => undefined).listen(socketPath);
    life.defer(() => void silent.close());
    await new Promise((resolve) => silent.once('listening', resolve));
    assert.equal((await faultOf(connectWorkload({ socketPath, timeoutMillis: 100 }))).code, 'IDENTITY_UNAVAILABLE');
    const reason = new Fault('DEADLINE_EXCEEDED', 'no longer wanted');
    const aborted = connectWorkload({ socketPath, timeoutMillis: 20_000 }, AbortSignal.abort(reason));
    await assert.rejects(aborted, (error) => error === reason);
    const abort = new AbortController();
    const later = connectWorkload({ socketPath, timeoutMillis: 20_000 }, abort.signal);
    abort.abort(reason);
    await assert.rejects(later, (error) => faultCode(error) === 'DEADLINE_EXCEEDED');
  }));
