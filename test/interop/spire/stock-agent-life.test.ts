// What a stock agent lives through below our server: authorities that go, a server that restarts, and its own restart.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Spire, withSpire } from '../../../src/server/spire/spire.harness.ts';
import { client, skip as skipGo } from '../go-spiffe/client.ts';
import { ask } from '../stranger.ts';
import { cli, freePort, skip, succeeds, until } from './stock.ts';
import { type StockAgent, upstairs, withJoinedAgent } from './stock-agent.ts';

const NODE = 'spiffe://bank-a/node/stock';
const uid = `unix:uid:${userInfo().uid}`;

async function withJoined(spire: Spire, use: (agent: StockAgent) => Promise<void>): Promise<void> {
  await createEntry(spire, '/one');
  await withJoinedAgent(upstairs(spire), '/node/stock', use);
}

async function createEntry(spire: Spire, path: string): Promise<void> {
  const entry = ['-parentID', NODE, '-spiffeID', `spiffe://bank-a${path}`, '-selector', uid];
  await succeeds(cli(spire)('entry', 'create', ...entry));
}

const agentSerial = async (spire: Spire): Promise<string> =>
  /Serial number\s*: (\S+)/.exec(await succeeds(cli(spire)('agent', 'list')))?.[1] ?? '';

/** The first identity of this process, as the agent hands it out. */
async function identity(agent: StockAgent): Promise<X509Certificate> {
  const folder = mkdtempSync(join(tmpdir(), 'svid-'));
  mkdirSync(folder, { recursive: true });
  try {
    await succeeds(agent.fetch('fetch', 'x509', '-silent', '-write', folder));
    return new X509Certificate(readFileSync(join(folder, 'svid.0.pem')));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('an X.509 authority that is tainted: the agent renews itself and its workloads under the new one', { skip }, () =>
  withSpire((spire) =>
    withJoined(spire, async (agent) => {
      const command = cli(spire);
      const authority = async (...args: readonly string[]) =>
        /Authority ID: (\S+)/.exec(await succeeds(command('localauthority', 'x509', ...args)))?.[1] ?? '';
      const first = await identity(agent);
      const [serial, old] = [await agentSerial(spire), await authority('show')];
      const next = await authority('prepare');
      await authority('activate', '-authorityID', next);
      await authority('taint', '-authorityID', old);
      await until(
        `another SVID: ${agent.log()}`,
        async () => (await identity(agent)).serialNumber !== first.serialNumber,
      );
      await until(`another agent SVID: ${agent.log()}`, async () => (await agentSerial(spire)) !== serial);
      assert.ok(!(await identity(agent)).checkIssued(first));
      await authority('revoke', '-authorityID', old);
      const roots =
        (await succeeds(command('bundle', 'show'))).match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
      const svid = await identity(agent);
      assert.ok(roots.some((root) => svid.verify(new X509Certificate(root).publicKey)));
      await createEntry(spire, '/after');
      await until('an entry made after it', async () => (await agent.fetch('fetch')).output.includes('/after'));
    }),
  ),
);

test('a JWT authority that is tainted: the token is signed by the new one', { skip }, () =>
  withSpire((spire) =>
    withJoined(spire, async (agent) => {
      const command = cli(spire);
      const authority = async (...args: readonly string[]) =>
        /Authority ID: (\S+)/.exec(await succeeds(command('localauthority', 'jwt', ...args)))?.[1] ?? '';
      const kid = async (): Promise<string> => {
        const { output } = await agent.fetch('fetch', 'jwt', '-audience', 'db');
        return JSON.parse(Buffer.from(/\t(ey[^.]+)\./.exec(output)?.[1] ?? '', 'base64url').toString()).kid;
      };
      assert.equal(await kid(), await authority('show'));
      const old = await authority('show');
      const next = await authority('prepare');
      await authority('activate', '-authorityID', next);
      await authority('taint', '-authorityID', old);
      await until(`a token of the new key: ${agent.log()}`, async () => (await kid()) === next);
    }),
  ),
);

test('our server restarts, then the agent: both go on', { skip: skip || skipGo }, () =>
  withSpire(async (spire) => {
    await fixPort(spire);
    await withJoined(spire, async (agent) => {
      await agent.fetch('fetch');
      assert.deepEqual(await ids(agent), ['spiffe://bank-a/one']);
      await spire.restart();
      assert.deepEqual(await ids(agent), ['spiffe://bank-a/one'], 'served while the server was away');
      await createEntry(spire, '/two');
      await until(`the second identity: ${agent.log()}`, async () => (await ids(agent)).length === 2);
      await agent.restart();
      await agent.fetch('fetch');
      assert.equal((await ids(agent)).length, 2);
    });
  }),
);

/** A port that the server has again when it is restarted. */
async function fixPort(spire: Spire): Promise<void> {
  const spec = { spireApi: { host: '127.0.0.1', port: await freePort() } };
  await spire.apply({ apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec });
  await until('the new port', async () => spire.server.spire('bank-a')?.tls?.port === spec.spireApi.port);
}

/** What go-spiffe takes from the agent. */
async function ids({ socket }: StockAgent): Promise<readonly unknown[]> {
  return (await ask(client, [socket, 'x509'])).map(({ id }) => id);
}
