import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCode, LIMITS, Lifecycle, silentLog, systemClock, systemRandom } from '#kernel';
import { createClient, dialTls } from '#rpc';
import { parseJwtBundle, parseWitBundle, parseX509Bundle, verifyJwtSvid, verifyWitSvid, verifyX509Svid } from '#spiffe';
import type { BundleResource } from '#wire';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { AgentSyncDefinition } from '#wire/gen/hauberk_sync';
import { createCertificateRequest, pemCertificates } from '#x509';
import { ACCESS } from './access.ts';
import { type RunningServer, type ServerOptions, startServer } from './index.ts';

const ALIAS = 'spiffe://bank-a/node/local';
const documents = [
  {
    apiVersion: 'hauberk.dev/v1',
    kind: 'TrustDomain',
    metadata: { name: 'bank-a' },
    spec: {
      namespaces: ['bank-a'],
      minters: [{ spiffeId: 'spiffe://bank-a/edge', kinds: ['txn-token'], maxLifetime: '15m' }],
    },
  },
  { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'bank-b' }, spec: {} },
  entry('edge'),
  entry('account-service'),
  {
    apiVersion: 'hauberk.dev/v1',
    kind: 'Entry',
    metadata: { name: 'elsewhere', trustDomain: 'bank-a' },
    spec: { spiffeId: 'spiffe://bank-a/elsewhere', parentId: 'spiffe://bank-a/node/other', selectors: ['unix:uid:1'] },
  },
  {
    apiVersion: 'hauberk.dev/v1',
    kind: 'CedarPolicy',
    metadata: { name: 'p', trustDomain: 'bank-a' },
    spec: { text: '@id("own") permit (principal, action, resource) when { resource.owner == principal };' },
  },
];

function entry(name: string) {
  const spec = {
    spiffeId: `spiffe://bank-a/${name}`,
    parentId: ALIAS,
    selectors: [`supervisor:service:bank-a/${name}`],
  };
  return { apiVersion: 'hauberk.dev/v1', kind: 'Entry', metadata: { name, trustDomain: 'bank-a' }, spec };
}

interface House {
  readonly server: RunningServer;
  readonly admin: ReturnType<typeof connectAdmin>;
  restart(): Promise<House>;
}

const connectAdmin = (server: RunningServer) => createClient(AdminDefinition, { socketPath: server.adminSocket });
const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;

async function withHouse(run: (house: House) => Promise<void>, more: Partial<ServerOptions> = {}): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'server-'));
  const life = new Lifecycle();
  const open = async (): Promise<House> => {
    const options = {
      dataDir: join(directory, 'data'),
      adminSocket: join(directory, 'a.sock'),
      sync: { host: '127.0.0.1', port: 0 },
      ...more,
    };
    const server = life.own(
      await startServer({ ...options, clock: systemClock, random: systemRandom, log: silentLog }),
    );
    const admin = life.own(connectAdmin(server));
    return { server, admin, restart: () => server.close().then(open) };
  };
  try {
    const house = await open();
    await house.admin.apply({ documentsJson: documents.map((one) => JSON.stringify(one)), dryRun: false });
    await run(house);
  } finally {
    await life.close();
    rmSync(directory, { recursive: true });
  }
}

async function bundleOf({ admin }: House, trustDomain: string): Promise<BundleResource> {
  return JSON.parse((await admin.getBundle({ trustDomain })).bundleJson);
}

async function dial(house: House, servername = 'bank-a', identity?: { key: KeyObject; chain: readonly Uint8Array[] }) {
  const bundles = new Map([[servername, parseX509Bundle(await bundleOf(house, servername))]]);
  const { host, port } = house.server.sync;
  return createClient(AgentSyncDefinition, {
    dial: () =>
      dialTls({
        host,
        port,
        servername,
        ...(identity === undefined
          ? {}
          : {
              identity: {
                key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
                cert: pemCertificates(identity.chain),
              },
            }),
        verify: (chain) => {
          const { id } = verifyX509Svid({ chain, bundles, at: Date.now(), purpose: 'server' });
          assert.equal(`${id}`, `spiffe://${servername}/spire/server`);
        },
      }),
  });
}

async function attest(house: House, key = newKey()) {
  const { token } = await house.admin.createJoinToken({ trustDomain: 'bank-a', ttlSeconds: 60, spiffeId: ALIAS });
  const client = await dial(house);
  const request = {
    trustDomain: 'bank-a',
    type: 'join_token',
    payload: Buffer.from(token),
    csr: createCertificateRequest(key),
    protocolVersion: 1,
  };
  const answer = await client.attest(request);
  await client.close();
  return { request, key, chain: answer.certificateChain, id: answer.agentId };
}

async function* once<T>(message: T): AsyncGenerator<T> {
  yield message;
  await new Promise(() => {});
}

test('the table of access names every method of the service, and no other', () => {
  assert.deepEqual(Object.keys(ACCESS).sort(), Object.keys(AgentSyncDefinition.methods).sort());
});

test('an agent attests, sees its entries and nobody else’s, and gets certificates for them alone', () =>
  withHouse(async (house) => {
    const agent = await attest(house);
    const client = await dial(house, 'bank-a', agent);
    for await (const { update } of client.sync(
      once({ trustDomain: 'bank-a', protocolVersion: 1, revision: 0n, digest: Buffer.alloc(0), takesParts: false }),
    )) {
      const keys = (kind: string) => (update?.upserts ?? []).filter((one) => one.kind === kind).map(({ key }) => key);
      assert.equal(update?.full, true);
      assert.deepEqual(keys('Entry').length, 2);
      assert.deepEqual(keys('Bundle'), ['bank-a']);
      assert.deepEqual(keys('CedarPolicy'), ['p']);
      break;
    }
    const entries = (await house.admin.list({ kind: 'Entry', trustDomain: 'bank-a' })).documentsJson.map((json) =>
      JSON.parse(json),
    );
    const key = newKey();
    const items = entries.map(({ id }) => ({ entryId: String(id), csr: createCertificateRequest(key) }));
    const { results } = await client.issueX509Svids({
      trustDomain: 'bank-a',
      items: [...items, { entryId: items[0]?.entryId ?? '', csr: Buffer.from('junk') }],
    });
    const bundles = new Map([['bank-a', parseX509Bundle(await bundleOf(house, 'bank-a'))]]);
    for (const [index, { spiffeId }] of entries.entries()) {
      const result = results[index];
      if (spiffeId === 'spiffe://bank-a/elsewhere') {
        assert.equal(result?.code, 'AGENT_NOT_AUTHORIZED');
        continue;
      }
      const { id, leaf } = verifyX509Svid({ chain: result?.certificateChain ?? [], bundles, at: Date.now() });
      assert.equal(`${id}`, spiffeId);
      assert.ok(leaf.spki.equals(createPublicKey(key).export({ type: 'spki', format: 'der' })));
    }
    assert.equal(results.at(-1)?.code, 'CSR_INVALID');
    await client.close();
  }));

test('an agent gets JWT- and WIT-SVIDs for its entries alone; one refused item refuses no other', () =>
  withHouse(async (house) => {
    const client = await dial(house, 'bank-a', await attest(house));
    const found = (await house.admin.list({ kind: 'Entry', trustDomain: 'bank-a' })).documentsJson.map((json) =>
      JSON.parse(json),
    );
    const entryId = (id: string) => String(found.find(({ spiffeId }) => spiffeId === `spiffe://bank-a/${id}`)?.id);
    const bundle = await bundleOf(house, 'bank-a');
    const jwt = await client.issueJwtSvids({
      trustDomain: 'bank-a',
      items: [
        { entryId: entryId('edge'), audience: ['ledger'] },
        { entryId: entryId('elsewhere'), audience: ['ledger'] },
        { entryId: entryId('edge'), audience: [] },
      ],
    });
    assert.deepEqual(
      jwt.results.map(({ code }) => code),
      ['', 'AGENT_NOT_AUTHORIZED', 'ARGUMENT_INVALID'],
    );
    const bundles = new Map([['bank-a', parseJwtBundle(bundle)]]);
    const { token = '', expiresAt } = jwt.results[0] ?? {};
    const verified = verifyJwtSvid({ token, audience: 'ledger', bundles, at: Date.now() });
    assert.deepEqual([`${verified.id}`, BigInt(verified.expiresAt)], ['spiffe://bank-a/edge', expiresAt]);
    const holder = createPublicKey(newKey());
    const publicKey = holder.export({ type: 'spki', format: 'der' });
    const wit = await client.issueWitSvids({
      trustDomain: 'bank-a',
      items: [
        { entryId: entryId('edge'), publicKey, signingAlgorithm: 'ES256' },
        { entryId: entryId('edge'), publicKey, signingAlgorithm: 'RS256' },
        { entryId: entryId('edge'), publicKey: Buffer.from('junk'), signingAlgorithm: 'ES256' },
        { entryId: 'unknown', publicKey, signingAlgorithm: 'ES256' },
      ],
    });
    assert.deepEqual(
      wit.results.map(({ code }) => code),
      ['', 'ARGUMENT_INVALID', 'JWK_INVALID', 'AGENT_NOT_AUTHORIZED'],
    );
    // The key of the first WIT-SVID is in the bundle since then.
    const wits = new Map([['bank-a', parseWitBundle(await bundleOf(house, 'bank-a'))]]);
    const proven = verifyWitSvid({ token: wit.results[0]?.token ?? '', bundles: wits, at: Date.now() });
    assert.ok(proven.confirmation.key.key.equals(holder));
    const many = Array.from({ length: 501 }, () => ({ entryId: entryId('edge'), audience: ['ledger'] }));
    await assert.rejects(
      client.issueJwtSvids({ trustDomain: 'bank-a', items: many }),
      (error) => faultCode(error) === 'LIMIT_EXCEEDED',
    );
    await client.close();
  }));

test('a change is pushed to the agent as a delta', () =>
  withHouse(async (house) => {
    const client = await dial(house, 'bank-a', await attest(house));
    let updates = 0;
    for await (const { update } of client.sync(
      once({ trustDomain: 'bank-a', protocolVersion: 1, revision: 0n, digest: Buffer.alloc(0), takesParts: false }),
    )) {
      if (update === undefined) continue;
      if (++updates === 1)
        await house.admin.apply({ documentsJson: [JSON.stringify(entry('new-service'))], dryRun: false });
      else {
        assert.equal(update.full, false);
        assert.deepEqual(
          update.upserts.map(({ kind }) => kind),
          ['Entry'],
        );
        break;
      }
    }
    await client.close();
  }));

test('a join token is refused the second time, in another trust domain, and when it never was', () =>
  withHouse(async (house) => {
    const { request } = await attest(house);
    const client = await dial(house);
    await assert.rejects(client.attest(request), (error) => faultCode(error) === 'AGENT_TOKEN_INVALID');
    await assert.rejects(
      client.attest({ ...request, payload: Buffer.from('x') }),
      (error) => faultCode(error) === 'AGENT_TOKEN_INVALID',
    );
    await assert.rejects(
      client.attest({ ...request, trustDomain: 'bank-b' }),
      (error) => faultCode(error) === 'TRUST_DOMAIN_INVALID',
    );
    await assert.rejects(
      client.attest({ ...request, type: 'aws_iid' }),
      (error) => faultCode(error) === 'ATTESTOR_UNKNOWN',
    );
    await client.close();
  }));

test('methods of agents are refused without certificate, and to workloads', () =>
  withHouse(async (house) => {
    const anonymous = await dial(house);
    await assert.rejects(
      anonymous.renew({ trustDomain: 'bank-a', csr: Buffer.alloc(0) }),
      (error) => faultCode(error) === 'AGENT_NOT_ATTESTED',
    );
    await anonymous.close();
    const client = await dial(house, 'bank-a', await attest(house));
    const key = newKey();
    const [first] = (await house.admin.list({ kind: 'Entry', trustDomain: 'bank-a' })).documentsJson.map((json) =>
      JSON.parse(json),
    );
    const { results } = await client.issueX509Svids({
      trustDomain: 'bank-a',
      items: [{ entryId: first.id, csr: createCertificateRequest(key) }],
    });
    const workload = await dial(house, 'bank-a', { key, chain: results[0]?.certificateChain ?? [] });
    await assert.rejects(
      workload.renew({ trustDomain: 'bank-a', csr: createCertificateRequest(key) }),
      (error) => faultCode(error) === 'AGENT_NOT_ATTESTED',
    );
    await workload.close();
    await client.close();
  }));

test('a renewed agent keeps its old certificate for one more turn, not for two', () =>
  withHouse(async (house) => {
    const first = await attest(house);
    let current = first;
    for (let turn = 0; turn < 2; turn++) {
      const client = await dial(house, 'bank-a', current);
      const key = newKey();
      const { certificateChain } = await client.renew({ trustDomain: 'bank-a', csr: createCertificateRequest(key) });
      current = { ...current, key, chain: certificateChain };
      await client.close();
      const old = await dial(house, 'bank-a', first);
      const renewal = old.reportReceipts({ trustDomain: 'bank-a', receiptsJson: [] });
      if (turn === 0) await renewal;
      else await assert.rejects(renewal, (error) => faultCode(error) === 'AGENT_NOT_ATTESTED');
      await old.close();
    }
  }));

test('a minter is registered for who is granted it, and for nobody else', () =>
  withHouse(async (house) => {
    const client = await dial(house, 'bank-a', await attest(house));
    const entries = (await house.admin.list({ kind: 'Entry', trustDomain: 'bank-a' })).documentsJson.map((json) =>
      JSON.parse(json),
    );
    const idOf = (name: string): string => entries.find(({ spiffeId }) => spiffeId === `spiffe://bank-a/${name}`).id;
    const jwk = { ...createPublicKey(newKey()).export({ format: 'jwk' }), kid: 'k'.repeat(43), alg: 'ES256' };
    const ask = (name: string, extra: object = {}, kinds = ['txn-token']) =>
      client.registerMinter({
        callerTrustDomain: 'bank-a',
        callerEntryId: idOf(name),
        minter: { trustDomain: 'bank-a', publicJwkJson: JSON.stringify({ ...jwk, ...extra }), kinds },
      });
    assert.equal(JSON.parse((await ask('edge')).minterJson).issuer, 'spiffe://bank-a/edge');
    await assert.rejects(ask('account-service'), (error) => faultCode(error) === 'MINTER_NOT_AUTHORIZED');
    await assert.rejects(ask('edge', {}, ['internal-jwt']), (error) => faultCode(error) === 'MINTER_NOT_AUTHORIZED');
    await assert.rejects(ask('edge', { d: 'x' }), (error) => faultCode(error) === 'ARGUMENT_INVALID');
    await assert.rejects(ask('elsewhere'), (error) => faultCode(error) === 'AGENT_NOT_AUTHORIZED');
    await client.close();
  }));

test('a restart loses nothing, and every change stands in a ledger that verifies', () =>
  withHouse(async (house) => {
    const agent = await attest(house);
    const issuing = await dial(house, 'bank-a', agent);
    const [entryJson = '{}'] = (await house.admin.list({ kind: 'Entry', trustDomain: 'bank-a' })).documentsJson;
    const item = { entryId: String(JSON.parse(entryJson).id), csr: createCertificateRequest(newKey()) };
    await issuing.issueX509Svids({ trustDomain: 'bank-a', items: [item] });
    await issuing.close();
    const before = await house.admin.status({});
    assert.equal(before.trustDomains[0]?.issued, 1n);
    const again = await house.restart();
    const after = await again.admin.status({});
    assert.deepEqual(after.trustDomains, before.trustDomains);
    assert.ok(after.healthy);
    const client = await dial(again, 'bank-a', agent);
    await client.reportReceipts({ trustDomain: 'bank-a', receiptsJson: [] });
    await client.close();
    const { logs } = await again.admin.verifyLedger({});
    assert.deepEqual(
      logs.map(({ trustDomain, code }) => [trustDomain, code]),
      [
        ['bank-a', ''],
        ['bank-b', ''],
      ],
    );
    const { receiptsJson } = await again.admin.receipts({ limit: 100, kind: 'agent', effect: '' });
    const { explanation } = await again.admin.why({ id: JSON.parse(receiptsJson[0] ?? '{}').id });
    assert.deepEqual(explanation, []);
  }));

test('attestation is limited for each address: who asks too often waits, and a flood is refused', () =>
  withHouse(
    async (house) => {
      const client = await dial(house);
      const attempt = () =>
        client.attest({
          trustDomain: 'bank-a',
          type: 'join_token',
          payload: Buffer.from('x'),
          csr: createCertificateRequest(newKey()),
          protocolVersion: 1,
        });
      const codes = await Promise.all(Array.from({ length: 40 }, () => attempt().catch(faultCode)));
      assert.ok(codes.includes('RATE_LIMITED') && codes.includes('AGENT_TOKEN_INVALID'), codes.join());
      await client.close();
    },
    { spire: { rateLimits: { syncAttestation: 1 } } },
  ));

test('a join token leaves a receipt that names it by its digest alone', () =>
  withHouse(async (house) => {
    const { token } = await house.admin.createJoinToken({ trustDomain: 'bank-a', ttlSeconds: 60, spiffeId: ALIAS });
    const { receiptsJson } = await house.admin.receipts({ limit: 10, kind: 'agent', effect: '' });
    assert.equal(JSON.parse(receiptsJson[0] ?? '{}').action, 'join-token:create');
    assert.ok(!receiptsJson.join().includes(token));
  }));

test('the revision that an agent has acknowledged is shown while its stream is open', () =>
  withHouse(async (house) => {
    const agent = await attest(house);
    const client = await dial(house, 'bank-a', agent);
    const applied = Promise.withResolvers<bigint>();
    async function* requests() {
      yield { trustDomain: 'bank-a', protocolVersion: 1, revision: 0n, digest: Buffer.alloc(0), takesParts: false };
      yield {
        trustDomain: 'bank-a',
        protocolVersion: 1,
        revision: await applied.promise,
        digest: Buffer.alloc(0),
        takesParts: false,
      };
      await new Promise(() => {});
    }
    const connected = async () => (await house.admin.status({})).trustDomains[0]?.connected ?? [];
    for await (const { update } of client.sync(requests())) {
      applied.resolve(update?.revision ?? 0n);
      while ((await connected())[0]?.acknowledged !== update?.revision);
      assert.deepEqual(
        (await connected()).map(({ id, alias }) => [id, alias]),
        [[agent.id, ALIAS]],
      );
      break;
    }
    await client.close();
    while ((await connected()).length > 0);
  }));

test('an agent cannot report what only the server records, an unknown code, another trust domain or what is no JSON', () =>
  withHouse(async (house) => {
    const client = await dial(house, 'bank-a', await attest(house));
    const sound = {
      id: 'a'.repeat(32),
      txn: 'b'.repeat(32),
      span: 'c'.repeat(16),
      kind: 'service',
      trustDomain: 'bank-a',
      effect: 'deny',
      code: 'POLICY_NO_POLICY',
      startedAt: '2026-01-01T00:00:00.000Z',
      durationUs: 1,
    };
    const report = (...receipts: object[]) =>
      client.reportReceipts({ trustDomain: 'bank-a', receiptsJson: receipts.map((one) => JSON.stringify(one)) });
    for (const forged of [
      { kind: 'registry' },
      { kind: 'identity' },
      { kind: 'minter' },
      { kind: 'agent' },
      { kind: 'other' },
      { code: 'NO_SUCH_CODE' },
      { code: 'toString' },
      { trustDomain: 'bank-b' },
      { peer: { toString: 1 } },
      { durationUs: 'long' },
    ])
      await assert.rejects(report(sound, { ...sound, ...forged }), (error) => faultCode(error) === 'ARGUMENT_INVALID');
    await assert.rejects(
      client.reportReceipts({ trustDomain: 'bank-a', receiptsJson: ['{'] }),
      (error) => faultCode(error) === 'ARGUMENT_INVALID',
    );
    await assert.rejects(house.admin.why({ id: sound.id }), (error) => faultCode(error) === 'NOT_FOUND');
    assert.equal((await report(sound, sound)).accepted, 2);
    const { receiptsJson, explanation } = await house.admin.why({ id: sound.txn });
    assert.equal(receiptsJson.length, 1);
    assert.match(explanation.join(), /POLICY_NO_POLICY/);
    await client.close();
  }));

test('attack: streams opened by the hundred: the newest of an agent stands, the others end', () =>
  withHouse(async (house) => {
    const client = await dial(house, 'bank-a', await attest(house));
    const first = {
      trustDomain: 'bank-a',
      protocolVersion: 1,
      revision: 0n,
      digest: Buffer.alloc(0),
      takesParts: false,
    };
    const streams = Array.from({ length: 50 }, () => client.sync(once(first))[Symbol.asyncIterator]());
    for (const stream of streams) assert.equal((await stream.next()).done, false);
    for (const stream of streams.slice(0, -1)) while ((await stream.next()).done !== true);
    assert.equal((await streams.at(-1)?.next())?.done, false);
    const { trustDomains } = await house.admin.status({});
    assert.deepEqual(
      trustDomains.map(({ connected }) => connected.length),
      [1, 0],
    );
    const points = { spiffeId: 'spiffe://bank-a/edge', points: LIMITS.unixConnections.value, revision: 1n };
    await client.reportApplied({ trustDomain: 'bank-a', applied: [points] });
    await assert.rejects(
      client.reportApplied({ trustDomain: 'bank-a', applied: [{ ...points, points: 4_294_967_295 }] }),
      (error) => faultCode(error) === 'LIMIT_EXCEEDED',
    );
    await client.close();
  }));

test('attack: the details of a reported receipt are no words of ours, and stop nobody from reading its transaction', () =>
  withHouse(async (house) => {
    const client = await dial(house, 'bank-a', await attest(house));
    const hostile = { toString: 1, valueOf: 1 };
    for (const [index, [code, detail]] of Object.entries({
      IDENTITY_NO_ENTRY: { selectors: [hostile, 'unix:uid:1'], pid: hostile },
      TOKEN_EXPIRED: { now: 1e300, ended: -1e300 },
      MINTER_UNKNOWN: { kid: hostile, now: 1e300, begins: 1e300 },
    }).entries()) {
      const id = `${index + 1}`.repeat(32);
      const receipt = {
        id,
        txn: id,
        span: id.slice(16),
        kind: 'workload-api',
        trustDomain: 'bank-a',
        effect: 'deny',
        code,
      };
      const json = JSON.stringify({ ...receipt, startedAt: '2026-01-01T00:00:00.000Z', durationUs: 1, detail });
      await client.reportReceipts({ trustDomain: 'bank-a', receiptsJson: [json] });
      assert.match((await house.admin.why({ id })).explanation.join(), new RegExp(code));
    }
    await client.close();
  }));

test('a dry run tells each resource as it is and as it would be, and changes nothing', () =>
  withHouse(async (house) => {
    const before = await house.admin.status({});
    const changed = { ...entry('edge'), spec: { ...entry('edge').spec, hint: 'front' } };
    const documentsJson = [changed, entry('new')].map((one) => JSON.stringify(one));
    const { changes } = await house.admin.apply({ documentsJson, dryRun: true });
    assert.deepEqual(
      changes.map(({ verb, key, beforeJson, afterJson }) => [
        verb,
        key,
        beforeJson === '',
        afterJson.includes('front'),
      ]),
      [
        ['updated', 'edge', false, true],
        ['created', 'new', true, false],
      ],
    );
    assert.deepEqual((await house.admin.status({})).trustDomains, before.trustDomains);
  }));

test('what an agent says of enforcement points is bounded, of identities, and an agent’s word only', () =>
  withHouse(async (house) => {
    const client = await dial(house, 'bank-a', await attest(house));
    const one = { spiffeId: 'spiffe://bank-a/x', points: 1, revision: 1n };
    const report = (applied: (typeof one)[]) => client.reportApplied({ trustDomain: 'bank-a', applied });
    await report([one]);
    await assert.rejects(report([{ ...one, spiffeId: 'x' }]), (error) => faultCode(error) === 'SPIFFE_ID_INVALID');
    const many = Array.from({ length: LIMITS.appliedPoints.value + 1 }, () => one);
    await assert.rejects(report(many), (error) => faultCode(error) === 'LIMIT_EXCEEDED');
    await client.close();
    const stranger = await dial(house, 'bank-a');
    await assert.rejects(
      stranger.reportApplied({ trustDomain: 'bank-a', applied: [one] }),
      (error) => faultCode(error) === 'AGENT_NOT_ATTESTED',
    );
    await stranger.close();
  }));

test('documents that are wrong change nothing', () =>
  withHouse(async (house) => {
    const before = await house.admin.status({});
    const bad = { ...entry('x'), spec: { ...entry('x').spec, spiffeId: 'spiffe://bank-a/user/1' } };
    const apply = async (...documentsJson: string[]) =>
      (await house.admin.apply({ documentsJson, dryRun: false })).problems;
    assert.deepEqual(
      (await apply(JSON.stringify(entry('y')), JSON.stringify(bad))).map(({ document, path }) => [document, path]),
      [[1, 'spec']],
    );
    assert.equal((await apply('{')).length, 1);
    assert.deepEqual((await house.admin.status({})).trustDomains, before.trustDomains);
  }));

test('operators apply more than 4 MiB at once and list it; one message of the list would not be read', () =>
  withHouse(async ({ admin }) => {
    const fat = (at: number) => {
      const { spec, ...rest } = entry(`fat${at}`);
      const selectors = ['a', 'b', 'c', 'd'].map((key) => `k8s:pod-label:${key}${at}:${'x'.repeat(1900)}`);
      return JSON.stringify({ ...rest, spec: { ...spec, selectors } });
    };
    const documentsJson = Array.from({ length: 600 }, (_, at) => fat(at));
    assert.ok(documentsJson.join('').length > LIMITS.grpcMessageBytes.value);
    const { changes } = await admin.apply({ documentsJson, dryRun: false });
    assert.equal(changes.length, 600);
    const question = { kind: 'Entry', trustDomain: 'bank-a' };
    const keys = new Set<string>();
    for await (const { documentsJson: some } of admin.listAll(question))
      for (const json of some) keys.add(JSON.parse(json).id);
    assert.ok(keys.size >= 600 && changes.every(({ key }) => keys.has(key)));
    await assert.rejects(admin.list(question), (error) => faultCode(error) === 'LIMIT_EXCEEDED');
    for await (const page of admin.listAll({ kind: 'Service', trustDomain: 'unknown' }))
      assert.fail(JSON.stringify(page));
    await assert.rejects(
      admin.listAll({ kind: 'Nothing', trustDomain: '' })[Symbol.asyncIterator]().next(),
      (error) => faultCode(error) === 'ARGUMENT_INVALID',
    );
  }));
