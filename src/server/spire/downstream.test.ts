import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Authority } from '#authority';
import { faultCode, Lifecycle, silentLog, systemClock, systemRandom } from '#kernel';
import { MemoryKeyManager, memoryJournal } from '#plugins/key-manager/memory';
import { SpireUpstreamAuthority } from '#plugins/upstream-authority/spire';
import { bindService, serveUnix } from '#rpc';
import { parseJwtBundle, parseTrustDomain, parseX509Bundle, SpiffeId, verifyJwtSvid, verifyX509Svid } from '#spiffe';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { LocalAuthorityDefinition } from '#wire/gen/spire/api/server/localauthority';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { Entry } from '#wire/gen/spire/api/types';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { createCertificateRequest, encodeCertificateRequest, encodeRequestedPart } from '#x509';
import { NAME, newKey, type Spire, spiffeId, withSpire } from './spire.harness.ts';

const trustDomain = parseTrustDomain(NAME);
const workload = SpiffeId.of(trustDomain, '/workload');
const spkiOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

/** An agent's Workload API, reduced to one workload whose identity the server itself minted. */
async function withWorkloadApi(spire: Spire, path: string, run: (socket: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'downstream-'));
  const life = new Lifecycle();
  const unused = async (): Promise<never> => assert.fail('not asked for');
  const stream = async function* (): AsyncGenerator<never> {};
  const fetchX509SVID = async function* () {
    const key = newKey();
    const part = encodeRequestedPart(spkiOf(key), `spiffe://${NAME}${path}`);
    const csr = encodeCertificateRequest(part, sign('sha256', part, key), 'ecdsa-sha256');
    const { svid } = await spire.local(SVIDDefinition).mintX509SVID({ csr, ttl: 600 });
    const bundle = await spire.local(BundleDefinition).getBundle({ outputMask: undefined });
    const own = {
      spiffeId: `spiffe://${NAME}${path}`,
      x509Svid: Buffer.concat(svid?.certChain ?? []),
      x509SvidKey: key.export({ type: 'pkcs8', format: 'der' }),
      bundle: Buffer.concat(bundle.x509Authorities.map(({ asn1 }) => asn1)),
      hint: '',
    };
    yield { svids: [own], crl: [], federatedBundles: {} };
  };
  try {
    const socket = join(directory, 'w.sock');
    const service = bindService<typeof SpiffeWorkloadAPIDefinition, unknown>(SpiffeWorkloadAPIDefinition, {
      fetchX509SVID,
      fetchX509Bundles: stream,
      fetchJWTSVID: unused,
      fetchJWTBundles: stream,
      validateJWTSVID: unused,
      fetchWITSVID: stream,
      fetchWITBundles: stream,
    });
    life.own(await serveUnix({ path: socket, mode: 0o700, log: silentLog, identify: () => ({}), services: [service] }));
    await run(socket);
  } finally {
    await life.close();
    rmSync(directory, { recursive: true });
  }
}

async function createDownstreamEntry(spire: Spire, path: string): Promise<void> {
  const entry = {
    ...Entry.decode(new Uint8Array()),
    spiffeId: spiffeId(path),
    parentId: spiffeId('/node/local'),
    selectors: [{ type: 'unix', value: 'uid:0' }],
    downstream: true,
  };
  const { results } = await spire.local(EntryDefinition).batchCreateEntry({ entries: [entry], outputMask: undefined });
  assert.equal(results[0]?.status?.code, 0);
}

test('a server below a server: its CA is an intermediate of the one above, and follows when that is rotated and tainted', () =>
  withSpire(async (spire) => {
    await createDownstreamEntry(spire, '/server-below');
    await withWorkloadApi(spire, '/server-below', async (workloadSocket) => {
      const server = spire.server.spire(NAME)?.tls ?? assert.fail('no TLS port');
      const upstream = new SpireUpstreamAuthority({ trustDomain, server, workloadSocket, clock: systemClock });
      const ports = { keyManager: new MemoryKeyManager(), journal: memoryJournal(), clock: systemClock };
      const below = new Authority({ ...ports, trustDomain, random: systemRandom, caTtlSeconds: 3600, upstream });
      await below.ready();
      const verifies = async () => {
        const { chain } = await below.issueX509Svid({
          id: workload,
          publicKeySpki: spkiOf(newKey()),
          ttlSeconds: 60,
        });
        // By the bundle of the server above: workloads of both trust each other.
        const { x509Authorities } = await spire.local(BundleDefinition).getBundle({ outputMask: undefined });
        const ders = x509Authorities.map(({ asn1 }) => Buffer.from(asn1).toString('base64'));
        const bundle = parseX509Bundle({ trustDomain, x509Authorities: ders });
        verifyX509Svid({ chain, bundles: new Map([[trustDomain, bundle]]), at: Date.now() });
        return chain;
      };
      assert.equal((await verifies()).length, 2);
      // A token of the server below verifies by the bundle of the one above, and the reverse.
      const { token } = await below.issueJwtSvid({ id: workload, audience: ['a'], ttlSeconds: 60 });
      const { svid } = await spire.local(SVIDDefinition).mintJWTSVID({ id: spiffeId('/x'), audience: ['a'], ttl: 60 });
      await below.rotateIfDue();
      const { jwtAuthorities } = await spire.local(BundleDefinition).getBundle({ outputMask: undefined });
      const keys = jwtAuthorities.map(({ keyId, publicKey }) => ({
        kid: keyId,
        publicKey: Buffer.from(publicKey).toString('base64'),
      }));
      const above = parseJwtBundle({ trustDomain, jwtAuthorities: keys });
      verifyJwtSvid({ token, audience: 'a', bundles: new Map([[NAME, above]]), at: Date.now() });
      const bundles = new Map([[NAME, parseJwtBundle(below.bundle())]]);
      verifyJwtSvid({ token: svid?.token ?? '', audience: 'a', bundles, at: Date.now() });
      const authorities = spire.local(LocalAuthorityDefinition);
      const old = (await authorities.getX509AuthorityState({})).active?.authorityId ?? '';
      const { preparedAuthority } = await authorities.prepareX509Authority({});
      await authorities.activateX509Authority({ authorityId: preparedAuthority?.authorityId ?? '' });
      await below.rotateIfDue();
      await authorities.taintX509Authority({ authorityId: old });
      await below.rotateIfDue();
      assert.deepEqual(below.bundle().taintedX509Authorities, [old]);
      const active = below.states('x509').find(({ state }) => state === 'active');
      assert.equal(active?.upstreamAuthorityId, preparedAuthority?.authorityId);
      await authorities.revokeX509Authority({ authorityId: old });
      await verifies();
      await below.close();
    });
  }));

test('who has no downstream entry gets no CA', () =>
  withSpire((spire) =>
    withWorkloadApi(spire, '/nobody', async (workloadSocket) => {
      const server = spire.server.spire(NAME)?.tls ?? assert.fail('no TLS port');
      const upstream = new SpireUpstreamAuthority({ trustDomain, server, workloadSocket, clock: systemClock });
      await assert.rejects(
        upstream.sign({ csr: createCertificateRequest(newKey()), ttlSeconds: 60 }),
        (error) => faultCode(error) === 'UPSTREAM_AUTHORITY_UNAVAILABLE',
      );
    }),
  ));
