import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { nodeAttestorContract } from '#attestation';
import { faultCode, systemRandom } from '#kernel';
import { HttpChallengeAttestor, type HttpChallengeOptions } from './index.ts';
import { isPublicAddress } from './public-address.ts';

const OPTIONS: HttpChallengeOptions = {
  hosts: ['*.example.org', 'node.test'],
  allowNonRootPorts: true,
  allowPrivateTargets: true,
  trustOnFirstUse: true,
  random: systemRandom,
  resolve: async () => ['127.0.0.1'],
};
const never = new AbortController().signal;

/** A host that serves what it was challenged with. */
async function hostOf(answer?: RequestListener) {
  let nonce = '';
  const server = createServer((request, response) => {
    if (answer !== undefined) answer(request, response);
    else if (request.url === '/.well-known/spiffe/nodeattestor/http_challenge/default/challenge')
      response.end(`${nonce}\n`);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    respond: (challenge: Buffer) => {
      nonce = JSON.parse(challenge.toString()).nonce;
      return Buffer.from('\n');
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const payloadOf = (fields: object) =>
  Buffer.from(JSON.stringify({ hostname: 'node.test', agentname: 'default', port: 80, ...fields }));

nodeAttestorContract('http_challenge', async () => {
  const host = await hostOf();
  return { ...host, attestor: new HttpChallengeAttestor(OPTIONS), payload: payloadOf({ port: host.port }) };
});

async function attempt(options: Partial<HttpChallengeOptions>, fields: object = {}, answer?: RequestListener) {
  const host = await hostOf(answer);
  try {
    const attestor = new HttpChallengeAttestor({ ...OPTIONS, ...options });
    const payload = payloadOf({ port: host.port, ...fields });
    return await attestor.attest(
      { trustDomain: 'bank-a', payload, challenge: async (challenge) => host.respond(Buffer.from(challenge)) },
      never,
    );
  } finally {
    await host.close();
  }
}

const refused = (error: unknown) => faultCode(error) === 'ATTESTATION_FAILED';
const malformed = (error: unknown) => faultCode(error) === 'ARGUMENT_INVALID';

test('a host that serves the nonce is named by its name', async () => {
  assert.deepEqual(await attempt({}, { hostname: 'a.example.org' }), {
    path: '/spire/agent/http_challenge/a.example.org',
    selectors: ['http_challenge:hostname:a.example.org'],
    canReattest: false,
  });
});

test('hosts, ports and names that are not allowed are refused before anything is dialled', async () => {
  await assert.rejects(attempt({}, { hostname: 'other.test' }), refused);
  for (const hostname of ['localhost', '127.0.0.1', 'a/b', 'a:1', 'A.example.org', '-a.example.org', '[::1]', 'a..b'])
    await assert.rejects(attempt({}, { hostname }), malformed);
  for (const agentname of ['', '../x', 'a/b', 'a.b']) await assert.rejects(attempt({}, { agentname }), malformed);
  for (const port of [0, -1, 70_000, 1.5, '80']) await assert.rejects(attempt({}, { port }), malformed);
  await assert.rejects(attempt({ allowNonRootPorts: false }), malformed);
  await assert.rejects(attempt({ requiredPort: 80 }), malformed);
});

test('attack: a name that leads into the server’s own network is not dialled, even when one of its addresses is public', async () => {
  const inside = ['127.0.0.1', '10.1.2.3', '169.254.169.254', '::1', '::ffff:10.0.0.1', 'fd00::1', '64:ff9b::a00:1'];
  for (const address of inside)
    await assert.rejects(attempt({ allowPrivateTargets: false, resolve: async () => [address] }), refused);
  await assert.rejects(attempt({ allowPrivateTargets: false, resolve: async () => ['8.8.8.8', '10.0.0.1'] }), refused);
  await assert.rejects(attempt({ resolve: async () => [] }), refused);
});

test('attack: a redirect is not followed, and an endless answer is not read', async () => {
  let followed = 0;
  const redirect: RequestListener = (request, response) => {
    if (request.url === '/elsewhere') followed++;
    response.writeHead(302, { location: '/elsewhere' }).end();
  };
  await assert.rejects(attempt({}, {}, redirect), refused);
  assert.equal(followed, 0);
  const endless: RequestListener = (_, response) => {
    const more = (): void =>
      void (response.write('x'.repeat(1000)) ? setImmediate(more) : response.once('drain', more));
    more();
  };
  await assert.rejects(attempt({}, {}, endless), refused);
});

test('addresses that are public and addresses that are not', () => {
  for (const address of ['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111']) assert.ok(isPublicAddress(address), address);
  for (const address of [
    '0.0.0.0',
    '100.64.0.1',
    '192.168.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    'fe80::1',
    '2002:a00:1::',
    'x',
  ])
    assert.ok(!isPublicAddress(address), address);
});
