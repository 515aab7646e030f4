import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { startAgent } from '#agent';
import { mintToken } from '#jwt';
import { faultCode, Lifecycle, silentLog, systemClock, systemRandom, unixSeconds } from '#kernel';
import { createClient } from '#rpc';
import { startServer } from '#server';
import { dialUnix } from '#wire';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { EnforcementPointDefinition } from '#wire/gen/hauberk_workload';
import { forge } from '../../test/forge/certificate.ts';
import { parseEndpoint } from './environment.ts';
import { connectWorkload, type Workload } from './index.ts';

const ID = 'spiffe://bank-a/service';
const kid = 'minter-key-of-the-test';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

interface House {
  readonly workload: Workload;
  readonly admin: ReturnType<typeof connectAdmin>;
  readonly port: number;
  token(change?: Record<string, unknown>): Promise<string>;
  /** Speaks HTTP by hand, with the given certificate or none. */
  raw(head: string, identity?: { key: string | Buffer; cert: string }): Promise<string>;
  readonly identity: { key: string | Buffer; cert: string };
}

const connectAdmin = (socketPath: string) => createClient(AdminDefinition, { socketPath });

function documents(port: number) {
  const metadata = { trustDomain: 'bank-a' };
  const v1 = { apiVersion: 'hauberk.dev/v1' };
  const minters = [{ spiffeId: ID, kinds: ['txn-token'], maxLifetime: '15m' }];
  const service = (name: string, spiffeId: string) => ({
    ...v1,
    kind: 'Service',
    metadata: { ...metadata, name, namespace: 'bank-a' },
    spec: { spiffeId, protocol: 'http', labels: { app: name }, endpoints: [{ host: '127.0.0.1', port }] },
  });
  return [
    { ...v1, kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec: { namespaces: ['bank-a'], minters } },
    {
      ...v1,
      kind: 'Entry',
      metadata: { ...metadata, name: 'service' },
      spec: { spiffeId: ID, parentId: 'spiffe://bank-a/node/local', selectors: [`unix:uid:${userInfo().uid}`] },
    },
    service('service', ID),
    service('impostor', 'spiffe://bank-a/other'),
    policy(['bank-a/service']),
    {
      ...v1,
      kind: 'CedarPolicy',
      metadata: { ...metadata, name: 'accounts' },
      spec: {
        text: '@id("own") permit (principal is User, action == Action::"account:read", resource is Account) when { resource.owner == principal && context.workload == "spiffe://bank-a/service" };',
      },
    },
  ];
}

function policy(principals: string[]) {
  const spec = {
    selector: { matchLabels: { app: 'service' } },
    rules: [{ from: [{ source: { principals } }], to: [{ operation: { notPaths: ['/forbidden'] } }] }],
  };
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'service', namespace: 'bank-a' },
    spec,
  };
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const port = Number(Object(server.address()).port);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function withHouse(run: (house: House) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sdk-'));
  const life = new Lifecycle();
  const common = { clock: systemClock, random: systemRandom, log: silentLog };
  try {
    const port = await freePort();
    const server = life.own(
      await startServer({
        dataDir: join(directory, 'd'),
        adminSocket: join(directory, 's.sock'),
        sync: { host: '127.0.0.1', port: 0 },
        ...common,
      }),
    );
    const admin = life.own(connectAdmin(server.adminSocket));
    await admin.apply({ documentsJson: documents(port).map((one) => JSON.stringify(one)), dryRun: false });
    const { token } = await admin.createJoinToken({
      trustDomain: 'bank-a',
      ttlSeconds: 60,
      spiffeId: 'spiffe://bank-a/node/local',
    });
    const bundle = JSON.parse((await admin.getBundle({ trustDomain: 'bank-a' })).bundleJson);
    const socketPath = join(directory, 'w.sock');
    life.own(
      await startAgent({
        node: 'local',
        workloadSocket: socketPath,
        adminSocket: join(directory, 'a.sock'),
        server: server.sync,
        trustDomains: [{ name: 'bank-a', joinToken: token, bundle }],
        ...common,
      }),
    );
    const workload = life.own(
      await connectWorkload({ socketPath, service: 'bank-a/service', listen: { host: '127.0.0.1', port } }),
    );
    const point = life.own(
      createClient(EnforcementPointDefinition, {
        dial: () => dialUnix(socketPath),
        metadata: { 'workload.spiffe.io': 'true' },
      }),
    );
    const publicJwkJson = JSON.stringify({
      ...createPublicKey(privateKey).export({ format: 'jwk' }),
      kid,
      alg: 'ES256',
    });
    await point.registerMinter({ trustDomain: 'bank-a', publicJwkJson, kinds: ['txn-token'] });
    life.own(
      await workload.serve(async (request) => {
        if (request.path === '/guarded') {
          const owner = { __entity: { type: 'User', id: request.query.get('owner') } };
          await request.guard(request.query.get('action') ?? '', { type: 'Account', id: '1', attributes: { owner } });
        }
        if (request.path === '/onward') {
          const answer = await request.fetch('https://service.bank-a/end');
          return { status: answer.status, body: await answer.text() };
        }
        return {
          body: JSON.stringify({
            authority: request.authority,
            token: request.headers['txn-token'],
            body: await request.text(),
          }),
        };
      }),
    );
    const svid = workload.x509Svid();
    const { pemCertificates } = await import('#x509');
    const identity = {
      key: svid.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: pemCertificates(svid.chain),
    };
    const now = unixSeconds(systemClock);
    const claims = {
      iss: ID,
      aud: 'bank-a',
      iat: now,
      exp: now + 60,
      txn: 'a'.repeat(32),
      sub: 'spiffe://bank-a/user/12345',
      scope: 'read',
      req_wl: ID,
      tctx: { tenant: 'bank-a', roles: ['user'] },
    };
    await until(
      async () =>
        (
          await workload.fetch('https://service/', {
            headers: { 'txn-token': await mintToken({ kind: 'txn-token', claims, kid, key: privateKey }) },
          })
        ).status === 200,
    );
    await run({
      workload,
      admin,
      port,
      identity,
      token: (change = {}) => mintToken({ kind: 'txn-token', claims: { ...claims, ...change }, kid, key: privateKey }),
      raw: (head, certificate) => raw(port, head, certificate),
    });
  } finally {
    await life.close();
    rmSync(directory, { recursive: true });
  }
}

function raw(port: number, head: string, identity?: { key: string | Buffer; cert: string }): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...identity }, () =>
      socket.write(`${head}\r\nConnection: close\r\n\r\n`),
    );
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
  });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) assert.ok(Date.now() < deadline, 'deadline passed');
}

async function receiptOf({ admin }: House, id: string): Promise<Record<string, unknown>> {
  let found: Record<string, unknown> = {};
  await until(async () => {
    const { receiptsJson } = await admin.why({ id }).catch(() => ({ receiptsJson: [] as string[] }));
    found = JSON.parse(receiptsJson[0] ?? '{}');
    return receiptsJson.length > 0;
  });
  return found;
}

test('a request carries user and workload side by side, and its token goes on byte for byte', () =>
  withHouse(async (house) => {
    const token = await house.token();
    const answer = await house.workload.fetch('https://service.bank-a/onward', {
      method: 'POST',
      body: 'hello',
      headers: { 'txn-token': token },
    });
    const seen = Object(await answer.json());
    assert.equal(seen.token, token);
    assert.deepEqual(
      [seen.authority.user.spiffeId, seen.authority.workload, seen.authority.tenant, seen.authority.txn],
      ['spiffe://bank-a/user/12345', ID, 'bank-a', 'a'.repeat(32)],
    );
    await until(async () => {
      const found = await house.admin.why({ id: 'a'.repeat(32) }).catch(() => ({ receiptsJson: [] as string[] }));
      const receipts = found.receiptsJson.map((json) => JSON.parse(json));
      const onward = receipts.filter(({ parentSpan }) => receipts.some(({ span }) => span === parentSpan));
      return onward.length === 1 && receipts.every(({ effect, via }) => effect === 'allow' && via[0] === ID);
    });
  }));

test('without a token there is a workload and no user', () =>
  withHouse(async ({ workload }) => {
    const { authority } = Object(await (await workload.fetch('https://service/x')).json());
    assert.equal(authority.user, undefined);
    assert.equal(authority.workload, ID);
  }));

const refusals: readonly (readonly [
  string,
  string,
  number,
  (house: House) => Promise<{ status: number; text: string }>,
])[] = [
  [
    'no certificate',
    'PEER_CERTIFICATE_MISSING',
    401,
    async ({ raw: send }) => parse(await send('GET / HTTP/1.1\r\nHost: x')),
  ],
  [
    'a certificate of an unknown trust domain',
    'PEER_TRUST_DOMAIN_UNKNOWN',
    401,
    async ({ raw: send }) => parse(await send('GET / HTTP/1.1\r\nHost: x', forged('spiffe://bank-b/x'))),
  ],
  [
    'a certificate of another authority',
    'PEER_CHAIN_UNTRUSTED',
    401,
    async ({ raw: send }) => parse(await send('GET / HTTP/1.1\r\nHost: x', forged(ID))),
  ],
  [
    'an expired token',
    'TOKEN_EXPIRED',
    401,
    async (house) => ask(house, '/', { 'txn-token': await house.token({ iat: 1, exp: 2 }) }),
  ],
  [
    'a token for another trust domain',
    'TOKEN_AUDIENCE_MISMATCH',
    401,
    async (house) => ask(house, '/', { 'txn-token': await house.token({ aud: 'bank-b' }) }),
  ],
  [
    'two tokens',
    'TOKEN_DUPLICATED',
    400,
    async ({ raw: send, identity }) =>
      parse(await send('GET / HTTP/1.1\r\nHost: x\r\nTxn-Token: a\r\ntxn_token: b', identity)),
  ],
  [
    'two credentials',
    'REQUEST_CREDENTIALS_DOUBLED',
    400,
    async ({ raw: send, identity }) =>
      parse(await send('GET / HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b', identity)),
  ],
  ['what no policy allows', 'POLICY_NO_RULE_MATCHES', 403, async (house) => ask(house, '/forbidden', {})],
];

for (const [what, code, status, attack] of refusals) {
  test(`refuses ${what} with ${code}, an id and nothing of the rule, and leaves a receipt`, () =>
    withHouse(async (house) => {
      const seen = await attack(house);
      const body = JSON.parse(seen.text);
      assert.deepEqual([seen.status, body.code, Object.keys(body)], [status, code, ['code', 'message', 'id']]);
      const receipt = await receiptOf(house, body.id);
      assert.deepEqual([receipt.effect, receipt.code, receipt.kind, receipt.workload], ['deny', code, 'service', ID]);
    }));
}

test('guard: the user, through this workload, reaches their own and nobody else’s; each answer leaves a receipt', () =>
  withHouse(async (house) => {
    const guarded = async (query: string, token?: string) => {
      const answer = await house.workload.fetch(`https://service/guarded?${query}`, {
        headers: token === undefined ? {} : { 'txn-token': token },
      });
      return [answer.status, Object(await answer.json()).code];
    };
    const own = 'action=account:read&owner=spiffe://bank-a/user/12345';
    const token = await house.token({ txn: 'e'.repeat(32) });
    assert.deepEqual(await guarded(own, token), [200, undefined]);
    assert.deepEqual(await guarded('action=account:read&owner=spiffe://bank-a/user/1', token), [
      403,
      'RESOURCE_NOT_PERMITTED',
    ]);
    assert.deepEqual(await guarded('action=account:delete&owner=spiffe://bank-a/user/12345', token), [
      403,
      'RESOURCE_NOT_PERMITTED',
    ]);
    assert.deepEqual(await guarded(own), [403, 'RESOURCE_NOT_PERMITTED']);
    assert.deepEqual(await guarded('action=account:read&owner=', token), [403, 'RESOURCE_NOT_PERMITTED']);
    await until(async () => {
      const found = await house.admin.why({ id: 'e'.repeat(32) }).catch(() => ({ receiptsJson: [] as string[] }));
      const guards = found.receiptsJson.map((json) => JSON.parse(json)).filter(({ kind }) => kind === 'guard');
      return (
        guards.length === 4 && guards.filter(({ effect, rule }) => effect === 'allow' && /own/.test(rule)).length === 1
      );
    });
  }));

test('a client refuses a service that is not the one the registry expects, and one that is not known', () =>
  withHouse(async ({ workload }) => {
    await assert.rejects(workload.fetch('https://impostor/'), (error) => faultCode(error) === 'PEER_ID_UNEXPECTED');
    await assert.rejects(workload.connect('impostor'), (error) => faultCode(error) === 'PEER_ID_UNEXPECTED');
    assert.throws(
      () => workload.fetch('https://unknown/'),
      (error) => faultCode(error) === 'SERVICE_UNKNOWN',
    );
    assert.throws(
      () => workload.fetch('http://service/'),
      (error) => faultCode(error) === 'ARGUMENT_INVALID',
    );
  }));

test('a policy that is taken away closes open connections too', () =>
  withHouse(async (house) => {
    assert.equal((await ask(house, '/', {})).status, 200);
    await house.admin.apply({ documentsJson: [JSON.stringify(policy(['bank-a/nobody']))], dryRun: false });
    await until(async () => (await ask(house, '/', {})).status === 403);
  }));

test('E-6, E-7: an endpoint is unix and absolute, and nothing else', () => {
  assert.equal(parseEndpoint('unix:///run/agent.sock'), '/run/agent.sock');
  assert.equal(parseEndpoint('unix:/run/agent.sock'), '/run/agent.sock');
  for (const bad of [
    '/run/a',
    'http://x',
    'unix://a',
    'unix:a',
    'unix://u@/a',
    'unix:///a?q',
    'unix:///a#f',
    'tcp://localhost:1',
  ]) {
    assert.throws(
      () => parseEndpoint(bad),
      (error) => faultCode(error) === 'CONFIG_INVALID',
      bad,
    );
  }
});

async function ask(
  { workload }: House,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; text: string }> {
  const answer = await workload.fetch(`https://service${path}`, { headers });
  return { status: answer.status, text: await answer.text() };
}

function forged(uri: string): { key: string | Buffer; cert: string } {
  const root = forge({ ca: true });
  const leaf = forge({ uris: [uri], notBefore: Date.now() - 1000, notAfter: Date.now() + 60_000 }, root);
  const pem = `-----BEGIN CERTIFICATE-----\n${leaf.der
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n')}\n-----END CERTIFICATE-----\n`;
  return { key: leaf.key.export({ type: 'pkcs8', format: 'pem' }), cert: pem };
}

function parse(text: string): { status: number; text: string } {
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]),
    text: text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1),
  };
}
