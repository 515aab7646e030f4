// A stock SPIRE server below ours: its CA signed by ours, its token keys in our bundle.
import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { parseX509Bundle, verifyX509Svid } from '#spiffe';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { derCertificates } from '#x509';
import { withSpire } from '../../../src/server/spire/spire.harness.ts';
import { cli, skip } from './stock.ts';
import { upstairs, withAgent } from './stock-agent.ts';
import { withStockServer } from './stock-server.ts';

const NODE = 'spiffe://bank-a/node/stock';

test('what the server below mints chains to our root, and our bundle has its JWT key', { skip }, () =>
  withSpire(async (spire) => {
    const spireServer = cli(spire);
    const token = /Token: (\S+)/.exec((await spireServer('token', 'generate', '-spiffeID', NODE)).output)?.[1] ?? '';
    const selector = ['-selector', `unix:uid:${userInfo().uid}`];
    const entry = ['-parentID', NODE, '-spiffeID', 'spiffe://bank-a/below', ...selector, '-downstream'];
    assert.equal((await spireServer('entry', 'create', ...entry)).code, 0);
    await withAgent(upstairs(spire), { name: 'join_token', data: '', joinToken: token }, async (agent) => {
      await agent.fetch('fetch', 'x509');
      const { host, port } = upstairs(spire).address;
      const plugins = `UpstreamAuthority "spire" { plugin_data {
        server_address = "${host}"
        server_port = "${port}"
        workload_api_socket = "${agent.socket}"
      } }`;
      await withStockServer({ trustDomain: 'bank-a', plugins }, async ({ command: below, log }) => {
        const minted = await below('x509', 'mint', '-spiffeID', 'spiffe://bank-a/minted');
        assert.equal(minted.code, 0, log());
        const chain = derCertificates(minted.output.split('Root CAs:')[0] ?? '');
        const own = await spire.local(BundleDefinition).getBundle({ outputMask: undefined });
        const bundle = parseX509Bundle({
          trustDomain: 'bank-a',
          x509Authorities: own.x509Authorities.map(({ asn1 }) => Buffer.from(asn1).toString('base64')),
        });
        const { id } = verifyX509Svid({ chain, bundles: new Map([['bank-a', bundle]]), at: Date.now() });
        assert.equal(`${id}`, 'spiffe://bank-a/minted');
        const jwt = (
          await below('jwt', 'mint', '-spiffeID', 'spiffe://bank-a/minted', '-audience', 'db')
        ).output.trim();
        const { kid } = JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString());
        const published = async () =>
          (await spire.local(BundleDefinition).getBundle({ outputMask: undefined })).jwtAuthorities;
        while (!(await published()).some(({ keyId }) => keyId === kid));
      });
    });
  }),
);
