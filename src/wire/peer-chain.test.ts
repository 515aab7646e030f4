import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { LIMITS } from '#kernel';
import { type Forged, forge } from '../../test/forge/certificate.ts';
import { peerChain } from './index.ts';

const at = { notBefore: Date.now() - 1000, notAfter: Date.now() + 600_000 };
const root = forge({ ca: true, subject: 'root', ...at });
const upper = forge({ ca: true, subject: 'upper', ...at }, root);
const lower = forge({ ca: true, subject: 'lower', ...at }, upper);
const leaf = forge({ uris: ['spiffe://bank-a/x'], subject: 'leaf', ...at }, lower);
const alone = forge({ uris: ['spiffe://bank-a/x'], subject: 'alone', ...at });
const stray = forge({ ca: true, subject: 'stray', ...at });
const NAMES = new Map(
  [
    ...([['root', root] as const, ['upper', upper] as const, ['lower', lower] as const] as const),
    ...([['leaf', leaf] as const, ['alone', alone] as const, ['stray', stray] as const] as const),
  ].map(([name, { der }]) => [der.toString('base64'), name]),
);

const CHAINS: Readonly<Record<string, readonly Forged[]>> = {
  'one certificate': [leaf],
  'a self-signed one': [alone],
  'two intermediates': [leaf, lower, upper],
  'two intermediates and the root': [leaf, lower, upper, root],
  'a stray certificate between': [leaf, stray, lower, upper],
  'intermediates in the wrong order': [leaf, upper, lower],
  'a gap': [leaf, upper],
  'one of them twice': [leaf, lower, lower, upper],
};

const pemOf = (chain: readonly Forged[]) => ({
  key: chain[0]?.key.export({ type: 'pkcs8', format: 'pem' }) ?? '',
  cert: chain
    .map(({ der }) => `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`)
    .join(''),
});

async function handshake(
  version: 'TLSv1.2' | 'TLSv1.3',
  chain: readonly Forged[] | undefined,
  look: (client: TLSSocket, server: TLSSocket) => void,
): Promise<void> {
  const server = createServer({
    ...pemOf(chain ?? [leaf]),
    ...{ requestCert: true, rejectUnauthorized: false, minVersion: version, maxVersion: version },
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port }: AddressInfo = Object(server.address());
  const accepted = once(server, 'secureConnection');
  const client = connect({ port, rejectUnauthorized: false, ...(chain === undefined ? {} : pemOf(chain)) });
  await once(client, 'secureConnect');
  const [socket]: TLSSocket[] = await accepted;
  assert.ok(socket);
  look(client, socket);
  client.destroy();
  socket.destroy();
  server.close();
}

const namesOf = (socket: TLSSocket): (string | undefined)[] =>
  peerChain(socket).map((der) => NAMES.get(der.toString('base64')));

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: either side sees just what the other presented, in its order, as often as it looks`, async () => {
    for (const [what, chain] of Object.entries(CHAINS)) {
      const presented = chain.map(({ der }) => NAMES.get(der.toString('base64')));
      await handshake(version, chain, (client, server) => {
        for (const socket of [client, server, client, server]) assert.deepEqual(namesOf(socket), presented, what);
      });
    }
  });

  test(`${version}: a peer without certificate has no chain, and one that is too long shows as that`, async () => {
    await handshake(version, undefined, (_client, server) => assert.deepEqual(peerChain(server), []));
    const long = [leaf, ...Array.from({ length: LIMITS.certificateChainLength.value + 3 }, () => upper)];
    await handshake(version, long, (_client, server) =>
      assert.equal(peerChain(server).length, LIMITS.certificateChainLength.value + 1),
    );
  });
}
