// A stock SPIRE agent, unmodified, against our server.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { publicJwk } from '#jws';
import { systemClock, systemRandom } from '#kernel';
import { HttpChallengeAttestor } from '#plugins/node-attestor/http-challenge';
import { K8sPsatAttestor, oidcReview } from '#plugins/node-attestor/k8s-psat';
import { X509popAttestor } from '#plugins/node-attestor/x509pop';
import { pemCertificates } from '#x509';
import { type Spire, withSpire } from '../../../src/server/spire/spire.harness.ts';
import { forge } from '../../forge/certificate.ts';
import { cli, freePort, skip } from './stock.ts';
import { upstairs, withAgent } from './stock-agent.ts';

const NODE = 'spiffe://bank-a/node/stock';
const uid = `unix:uid:${userInfo().uid}`;

async function createEntry(spire: Spire, parent: string, path: string): Promise<string> {
  const { code, output } = await cli(spire)(
    ...['entry', 'create', '-parentID', parent, '-spiffeID', `spiffe://bank-a${path}`, '-selector', uid],
  );
  assert.equal(code, 0, output);
  return /Entry ID\s*: (\S+)/.exec(output)?.[1] ?? '';
}

test(
  'join_token: the agent attests, serves X509- and JWT-SVIDs, sees a change, and ends when it is banned',
  { skip },
  () =>
    withSpire(async (spire) => {
      const spireServer = cli(spire);
      const token = /Token: (\S+)/.exec((await spireServer('token', 'generate', '-spiffeID', NODE)).output)?.[1] ?? '';
      await createEntry(spire, NODE, '/one');
      await withAgent(upstairs(spire), { name: 'join_token', data: '', joinToken: token }, async (agent) => {
        assert.match((await agent.fetch('fetch', 'x509')).output, /spiffe:\/\/bank-a\/one/);
        const jwt = await agent.fetch('fetch', 'jwt', '-audience', 'db');
        const svid = /\t(ey\S+)/.exec(jwt.output)?.[1] ?? '';
        assert.match((await agent.fetch('validate', 'jwt', '-audience', 'db', '-svid', svid)).output, /SVID is valid/);
        const second = await createEntry(spire, NODE, '/two');
        while (!(await agent.fetch('fetch', 'x509')).output.includes('spiffe://bank-a/two'));
        await spireServer('entry', 'delete', '-entryID', second);
        while ((await agent.fetch('fetch', 'x509')).output.includes('spiffe://bank-a/two'));
        const { output } = await spireServer('agent', 'list');
        const id = /SPIFFE ID\s*: (\S+)/.exec(output)?.[1] ?? '';
        assert.equal((await spireServer('agent', 'ban', '-spiffeID', id)).code, 0);
        assert.notEqual(await agent.ended(), 0);
      });
    }),
);

test('x509pop: the agent proves its certificate, ECDSA and RSA', { skip }, async () => {
  const root = forge({ ca: true, subject: 'nodes', notBefore: Date.now() - 1000, notAfter: Date.now() + 3_600_000 });
  const attestor = new X509popAttestor({
    authorities: () => [root.der],
    naming: { by: 'fingerprint' },
    clock: systemClock,
    random: systemRandom,
  });
  for (const { privateKey } of [
    generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ]) {
    const leaf = forge(
      { key: privateKey, subject: 'node-1', notBefore: Date.now() - 1000, notAfter: Date.now() + 3_600_000 },
      root,
    );
    const files = mkdtempSync(join(tmpdir(), 'pop-'));
    writeFileSync(join(files, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(join(files, 'cert.pem'), pemCertificates([leaf.der]));
    const data = `private_key_path = "${files}/key.pem"\ncertificate_path = "${files}/cert.pem"`;
    try {
      await attests({ name: 'x509pop', data }, attestor, 'x509pop:subject:cn:node-1');
    } finally {
      rmSync(files, { recursive: true });
    }
  }
});

test('k8s_psat: the agent hands in the token of its pod', { skip }, async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    iss: 'cluster',
    aud: ['spire-server'],
    exp: Math.floor(Date.now() / 1000) + 600,
    'kubernetes.io': {
      namespace: 'spire',
      node: { name: 'worker-1', uid: 'node-uid-1' },
      pod: { name: 'agent-x', uid: 'pod-uid-1' },
      serviceaccount: { name: 'spire-agent', uid: 'sa-1' },
    },
  };
  const input = `${part({ alg: 'ES256', kid: 'k1' })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const files = mkdtempSync(join(tmpdir(), 'psat-'));
  writeFileSync(join(files, 'token'), `${input}.${signature.toString('base64url')}`);
  const jwks = { keys: [{ ...publicJwk(publicKey), kid: 'k1' }] };
  const review = oidcReview({ issuer: 'cluster', audiences: ['spire-server'], jwks, clock: systemClock });
  const cluster = {
    review,
    serviceAccounts: ['spire:spire-agent'],
    naming: 'node',
    nodeLabels: [],
    podLabels: [],
  } as const;
  try {
    const data = `cluster = "prod"\ntoken_path = "${files}/token"`;
    const attestor = new K8sPsatAttestor([{ name: 'prod', ...cluster }]);
    await attests({ name: 'k8s_psat', data }, attestor, 'k8s_psat:agent_node_name:worker-1');
  } finally {
    rmSync(files, { recursive: true });
  }
});

test('http_challenge: the agent serves the nonce under its host’s name', { skip }, async () => {
  const port = await freePort();
  const attestor = new HttpChallengeAttestor({
    hosts: ['node.test'],
    requiredPort: port,
    allowNonRootPorts: true,
    allowPrivateTargets: true,
    trustOnFirstUse: false,
    random: systemRandom,
    resolve: async () => ['127.0.0.1'],
  });
  const data = `hostname = "node.test"\nport = ${port}\nadvertised_port = ${port}`;
  await attests({ name: 'http_challenge', data }, attestor, 'http_challenge:hostname:node.test');
});

/** An entry for every node with a selector is served by the agent that attested so. */
async function attests(
  stock: { readonly name: string; readonly data: string },
  attestor: X509popAttestor | K8sPsatAttestor | HttpChallengeAttestor,
  selector: string,
): Promise<void> {
  await withSpire(
    async (spire) => {
      const spireServer = cli(spire);
      const node = ['entry', 'create', '-node', '-spiffeID', NODE, '-selector', selector];
      assert.equal((await spireServer(...node)).code, 0);
      await createEntry(spire, NODE, '/one');
      await withAgent(upstairs(spire), stock, async (agent) => {
        assert.match((await agent.fetch('fetch', 'x509')).output, /spiffe:\/\/bank-a\/one/);
        assert.match((await spireServer('agent', 'list')).output, new RegExp(`Attestation type\\s*: ${stock.name}`));
        await evicted(spireServer);
      });
    },
    { nodeAttestors: [attestor] },
  );
}

/** An agent that is evicted attests again by itself: its certificate is nobody's, its node's evidence still good. */
async function evicted(spireServer: ReturnType<typeof cli>): Promise<void> {
  const serial = async () => /Serial number\s*: (\S+)/.exec((await spireServer('agent', 'list')).output)?.[1];
  const before = await serial();
  const id = /SPIFFE ID\s*: (\S+)/.exec((await spireServer('agent', 'list')).output)?.[1] ?? '';
  assert.equal((await spireServer('agent', 'evict', '-spiffeID', id)).code, 0);
  for (let now = await serial(); now === undefined || now === before; now = await serial());
}
