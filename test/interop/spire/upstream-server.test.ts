// A stock SPIRE server above ours: our CA signed by it, our token keys in its bundle.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { withSpire } from '../../../src/server/spire/spire.harness.ts';
import { type Cli, cli, skip, succeeds, until } from './stock.ts';
import { withJoinedAgent } from './stock-agent.ts';
import { withStockServer } from './stock-server.ts';

const NODE = 'spiffe://bank-a/node/below';
const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

const certificates = (text: string): readonly X509Certificate[] =>
  (text.match(PEM) ?? []).map((pem) => new X509Certificate(pem));

test(
  'what our server mints chains to the stock root, and its bundle has our JWT key; a tainted root is left',
  { skip },
  () =>
    withStockServer({ trustDomain: 'bank-a' }, async (above) => {
      const selector = ['-selector', `unix:uid:${userInfo().uid}`];
      const entry = ['-parentID', NODE, '-spiffeID', 'spiffe://bank-a/hauberk', ...selector, '-downstream'];
      await succeeds(above.command('entry', 'create', ...entry));
      await withJoinedAgent(above, '/node/below', async (agent) => {
        await agent.fetch('fetch', 'x509');
        const upstream = { 'bank-a': { kind: 'spire', server: above.address, workloadSocket: agent.socket } } as const;
        await withSpire((spire) => follows(cli(spire), above.command), { authority: { upstream } });
      });
    }),
);

async function follows(ours: Cli, above: Cli): Promise<void> {
  const root = await chainsTo(ours, above);
  const jwt = (await succeeds(ours('jwt', 'mint', '-spiffeID', 'spiffe://bank-a/minted', '-audience', 'db'))).trim();
  const { kid } = JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString());
  await until('our key above', async () =>
    (await succeeds(above('bundle', 'show', '-format', 'spiffe'))).includes(kid),
  );

  const authority = async (...args: readonly string[]) =>
    /Authority ID: (\S+)/.exec(await succeeds(above('localauthority', 'x509', ...args)))?.[1] ?? '';
  const old = await authority('show');
  await authority('activate', '-authorityID', await authority('prepare'));
  const prepared = /Authority ID: (\S+)/.exec(await succeeds(ours('localauthority', 'x509', 'prepare')))?.[1] ?? '';
  await succeeds(ours('localauthority', 'x509', 'activate', '-authorityID', prepared));
  await succeeds(above('localauthority', 'x509', 'taint', '-authorityID', old));
  await succeeds(ours('upstreamauthority', 'taint', '-subjectKeyID', old));
  assert.notEqual(await chainsTo(ours, above), root);
  await succeeds(ours('upstreamauthority', 'revoke', '-subjectKeyID', old));
}

/** Serial number of the root above that what our server mints chains to. */
async function chainsTo(ours: Cli, above: Cli): Promise<string> {
  const minted = await succeeds(ours('x509', 'mint', '-spiffeID', 'spiffe://bank-a/minted'));
  const [leaf, ca] = certificates(minted.split('Root CAs:')[0] ?? '');
  assert.ok(leaf !== undefined && ca !== undefined, minted);
  assert.ok(leaf.verify(ca.publicKey));
  const root = certificates(await succeeds(above('bundle', 'show'))).find(({ publicKey }) => ca.verify(publicKey));
  assert.ok(root !== undefined, 'a root of the stock server has signed our CA');
  return root.serialNumber;
}
