import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { parseTrustDomain, verifyX509Svid, x509Bundle } from '#spiffe';
import { SpiffeWorkloadAPIDefinition, type X509SVID } from '#wire/gen/workloadapi';
import { pemCertificates, splitCertificates } from '#x509';
import { entry, first, until } from '../../../src/agent/agent.harness.ts';
import { sharedHouse, withEntries } from '../house.ts';

const house = sharedHouse();
const api = () => house().workload(SpiffeWorkloadAPIDefinition);
const ids = async (): Promise<readonly string[]> =>
  (await first(api().fetchX509SVID({}))).svids.map(({ spiffeId }) => spiffeId);
const LONGEST = 'x'.repeat(2048 - 'spiffe://bank-a/'.length);

/** Both ends of a TLS connection show the SVID; each verifies the other's. */
async function shake(svid: X509SVID): Promise<readonly string[]> {
  const key = createPrivateKey({ key: Buffer.from(svid.x509SvidKey), format: 'der', type: 'pkcs8' });
  const cert = pemCertificates(splitCertificates(svid.x509Svid));
  const own = { key: String(key.export({ type: 'pkcs8', format: 'pem' })), cert, rejectUnauthorized: false };
  const bundles = new Map([['bank-a', x509Bundle(parseTrustDomain('bank-a'), splitCertificates(svid.bundle))]]);
  const peerOf = (socket: TLSSocket, purpose: 'client' | 'server'): string =>
    `${verifyX509Svid({ chain: [socket.getPeerCertificate(true).raw], bundles, at: Date.now(), purpose }).id}`;
  const server = createServer({ ...own, requestCert: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  const accepted = new Promise<string>((resolve) => {
    server.once('secureConnection', (socket) => resolve(peerOf(socket, 'client')));
  });
  const socket = connect({ ...own, host: '127.0.0.1', port: typeof address === 'object' ? (address?.port ?? 0) : 0 });
  await new Promise<void>((resolve) => socket.once('secureConnect', resolve));
  const seen = [await accepted, peerOf(socket, 'server')];
  socket.destroy();
  server.close();
  return seen;
}

test('ID-13 an id of 2048 bytes is registered, issued, fetched and shown in mTLS, and stands in JWT-SVIDs that are validated', () =>
  withEntries(house(), { longest: { path: LONGEST, priority: 1 } }, async () => {
    const id = `spiffe://bank-a/${LONGEST}`;
    await until(async () => (await ids()).includes(id));
    const [svid] = (await first(api().fetchX509SVID({}))).svids;
    assert.ok(svid?.spiffeId === id);
    assert.deepEqual(await shake(svid), [id, id]);
    const { svids } = await api().fetchJWTSVID({ audience: ['ledger'], spiffeId: id });
    assert.equal((await api().validateJWTSVID({ audience: 'ledger', svid: svids[0]?.svid ?? '' })).spiffeId, id);
  }));

test('ID-14 rejects an entry whose id has 2049 bytes', async () => {
  const usual = entry('longer');
  const { problems } = await house().admin.apply({
    documentsJson: [JSON.stringify({ ...usual, spec: { ...usual.spec, spiffeId: `spiffe://bank-a/${LONGEST}x` } })],
    dryRun: false,
  });
  assert.notEqual(problems.length, 0);
});

test('ID-15 two entries whose ids differ in case are two identities', () =>
  withEntries(house(), { one: { path: 'Ledger' }, two: { path: 'ledger' } }, async () => {
    await until(async () => (await ids()).length === 3);
    assert.deepEqual([...(await ids())].sort(), [
      'spiffe://bank-a/Ledger',
      'spiffe://bank-a/ledger',
      'spiffe://bank-a/service',
    ]);
  }));
