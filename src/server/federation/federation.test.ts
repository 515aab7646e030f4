import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { faultCode, Lifecycle, silentLog, systemClock, systemRandom } from '#kernel';
import { createClient } from '#rpc';
import { parseBundle, parseTrustDomain } from '#spiffe';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { AuthoritiesDefinition } from '#wire/gen/hauberk_authorities';
import { FederationsDefinition } from '#wire/gen/hauberk_federations';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { TrustDomainDefinition } from '#wire/gen/spire/api/server/trustdomain';
import { pemCertificates } from '#x509';
import { forge } from '../../../test/forge/certificate.ts';
import { startServer } from '../index.ts';

const DAY = 86_400_000;
const times = { notBefore: Date.now() - DAY, notAfter: Date.now() + DAY };
const root = forge({ ca: true, ...times });
const web = (dnsName: string) => forge({ dnsNames: [dnsName], ...times }, root);
const pem = (key: ReturnType<typeof web>['key']): string => String(key.export({ type: 'pkcs8', format: 'pem' }));

type Server = Awaited<ReturnType<typeof open>>;

async function open(life: Lifecycle, name: string, spec: object, webRoots?: string) {
  const directory = mkdtempSync(join(tmpdir(), 'fed-'));
  life.defer(() => rmSync(directory, { recursive: true }));
  const server = await startServer({
    dataDir: join(directory, 'data'),
    adminSocket: join(directory, 'a.sock'),
    sync: { host: '127.0.0.1', port: 0 },
    ...(webRoots === undefined ? {} : { webRoots }),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  life.own(server);
  const admin = life.own(createClient(AdminDefinition, { socketPath: server.adminSocket }));
  const apply = async (kind: string, metadata: object, content: object): Promise<void> => {
    const document = { apiVersion: 'hauberk.dev/v1', kind, metadata, spec: content };
    const { problems } = await admin.apply({ documentsJson: [JSON.stringify(document)], dryRun: false });
    assert.deepEqual(problems, []);
  };
  await apply('TrustDomain', { name }, spec);
  const socketPath = server.spire(name)?.socket ?? '';
  const authorities = life.own(createClient(AuthoritiesDefinition, { socketPath: server.adminSocket }));
  return {
    server,
    apply,
    name,
    bundles: life.own(createClient(BundleDefinition, { socketPath })),
    federations: life.own(createClient(FederationsDefinition, { socketPath: server.adminSocket })),
    relations: life.own(createClient(TrustDomainDefinition, { socketPath })),
    svids: life.own(createClient(SVIDDefinition, { socketPath })),
    /** A new X.509 authority is published, then used, and the one before it revoked. */
    rotate: async (published = async () => {}): Promise<void> => {
      const before = await active(authorities, name);
      const { authority: next } = await authorities.prepare({ trustDomain: name, kind: 'x509' });
      await published();
      const change = { trustDomain: name, kind: 'x509' };
      await authorities.activate({ ...change, authorityId: next?.id ?? '' });
      await authorities.taint({ ...change, authorityId: before });
      await authorities.revoke({ ...change, authorityId: before });
    },
  };
}

async function active(client: ReturnType<typeof createClient<typeof AuthoritiesDefinition>>, trustDomain: string) {
  const { authorities } = await client.show({ trustDomain });
  return authorities.find(({ kind, state }) => kind === 'x509' && state === 'active')?.id ?? '';
}

async function withServers(run: (a: Server, b: Server, life: Lifecycle) => Promise<void>): Promise<void> {
  const life = new Lifecycle();
  try {
    const a = await open(life, 'bank-a', { bundleEndpoint: { port: 0 } });
    const b = await open(life, 'bank-b', {});
    await run(a, b, life);
  } finally {
    await life.close();
  }
}

const urlOf = ({ server, name }: Server): string => {
  const { host, port } = server.endpoint(name, 'bundleEndpoint') ?? { host: '', port: 0 };
  return `https://${host}:${port}/`;
};

const federate = (b: Server, url: string, profile: object) =>
  b.apply(
    'Federation',
    { name: 'bank-a', trustDomain: 'bank-b' },
    { bundleEndpointUrl: url, bundleEndpointProfile: profile },
  );

/** Gives bank-b the bundle of bank-a by hand, as SPIRE's operators do. */
async function bootstrap(a: Server, b: Server): Promise<void> {
  const bundle = await a.bundles.getBundle({ outputMask: undefined });
  const { results } = await b.bundles.batchSetFederatedBundle({ bundle: [bundle], outputMask: undefined });
  assert.equal(results[0]?.status?.code, 0);
}

const refresh = (b: Server) => b.relations.refreshBundle({ trustDomain: 'bank-a' });
const known = async (b: Server) =>
  (await b.bundles.getFederatedBundle({ trustDomain: 'bank-a', outputMask: undefined })).x509Authorities;
const SERVER = { type: 'https_spiffe', endpointSpiffeId: 'spiffe://bank-a/spire/server' };

test('F-11, F-13: https_spiffe is begun with a bundle by hand and goes on with the newest fetched', () =>
  withServers(async (a, b) => {
    await bootstrap(a, b);
    await federate(b, urlOf(a), SERVER);
    for (let turn = 0; turn < 2; turn++) {
      await a.rotate(async () => {
        await refresh(b);
      });
      await refresh(b);
      const { x509Authorities } = await a.bundles.getBundle({ outputMask: undefined });
      assert.deepEqual(await known(b), x509Authorities);
    }
  }));

test('F-13: who missed a whole rotation is not led on: a root that is no longer published does not prove the endpoint', () =>
  withServers(async (a, b) => {
    await bootstrap(a, b);
    await a.rotate();
    await federate(b, urlOf(a), SERVER);
    await assert.rejects(refresh(b), (error) => faultCode(error) === 'FEDERATION_ENDPOINT_UNTRUSTED');
  }));

test('F-12: another SPIFFE ID than the one that was named is refused', () =>
  withServers(async (a, b) => {
    await bootstrap(a, b);
    await federate(b, urlOf(a), { ...SERVER, endpointSpiffeId: 'spiffe://bank-a/other' });
    await assert.rejects(refresh(b), (error) => faultCode(error) === 'FEDERATION_ENDPOINT_UNTRUSTED');
  }));

test('F-14: without a bundle of the trust domain of the endpoint nothing is fetched', () =>
  withServers(async (a, b) => {
    await federate(b, urlOf(a), SERVER);
    await assert.rejects(refresh(b), (error) => faultCode(error) === 'FEDERATION_ENDPOINT_UNTRUSTED');
  }));

test('F-8, F-9: anyone gets the newest bundle, UTF-8 JSON, at / by GET and nothing else', () =>
  withServers(async (a) => {
    const { status, type, body } = await get(urlOf(a));
    assert.equal(status, 200);
    assert.equal(type, 'application/json');
    const parsed = parseBundle(body, parseTrustDomain('bank-a'));
    assert.deepEqual(parsed.ignored, []);
    assert.equal(parsed.x509.authorities.length, 1);
    assert.ok((parsed.sequence ?? 0n) > 0n && (parsed.refreshHintSeconds ?? 0) > 0);
    assert.equal((await get(`${urlOf(a)}other`)).status, 404);
    assert.equal((await get(urlOf(a), 'POST')).status, 405);
    await a.rotate();
    assert.notEqual((await get(urlOf(a))).body, body);
  }));

test('F-4: no TLS before 1.2, and no suite without forward secrecy and authenticated encryption', () =>
  withServers(async (a) => {
    const { port } = new URL(urlOf(a));
    const shake = (options: object) =>
      new Promise<string>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false, ...options }, () => {
          resolve(socket.getProtocol() ?? '');
          socket.destroy();
        });
        socket.once('error', () => resolve('refused'));
      });
    const weak = 'DEFAULT@SECLEVEL=0';
    assert.equal(await shake({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: weak }), 'refused');
    assert.equal(await shake({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }), 'refused');
    assert.equal(await shake({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }), 'TLSv1.2');
    assert.equal(await shake({}), 'TLSv1.3');
  }));

/** An endpoint that is not ours, with a certificate of the web's. */
async function stranger(
  life: Lifecycle,
  certificate: ReturnType<typeof web>,
  answer: Parameters<typeof createServer>[1],
): Promise<string> {
  const server = createServer({ key: pem(certificate.key), cert: pemCertificates([certificate.der]) }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  life.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const address: AddressInfo | string | null = server.address();
  return `https://localhost:${typeof address === 'object' ? address?.port : 0}/bundle`;
}

async function withWeb(run: (b: Server, life: Lifecycle, document: string) => Promise<void>): Promise<void> {
  const life = new Lifecycle();
  const directory = mkdtempSync(join(tmpdir(), 'web-'));
  life.defer(() => rmSync(directory, { recursive: true }));
  try {
    const file = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text);
      return join(directory, name);
    };
    const roots = file('roots.pem', pemCertificates([root.der]));
    const certificate = web('localhost');
    const profile = {
      type: 'https_web',
      certificateFile: file('cert.pem', pemCertificates([certificate.der])),
      keyFile: file('key.pem', pem(certificate.key)),
    };
    const a = await open(life, 'bank-a', { bundleEndpoint: { port: 0, profile } });
    const b = await open(life, 'bank-b', {}, roots);
    await federate(b, urlOf(a).replace('127.0.0.1', 'localhost'), { type: 'https_web' });
    await refresh(b);
    assert.equal((await known(b)).length, 1);
    await run(b, life, (await get(urlOf(a))).body);
  } finally {
    await life.close();
  }
}

test('F-7: https_web by name and roots; another name or another root is refused', () =>
  withWeb(async (b, life, document) => {
    const answer = (_: unknown, response: { end(text: string): void }): void => response.end(document);
    await federate(b, await stranger(life, web('elsewhere.example'), answer), { type: 'https_web' });
    await assert.rejects(refresh(b), (error) => faultCode(error) === 'FEDERATION_ENDPOINT_UNTRUSTED');
    const other = forge({ dnsNames: ['localhost'], ...times }, forge({ ca: true, ...times }));
    await federate(b, await stranger(life, other, answer), { type: 'https_web' });
    await assert.rejects(refresh(b), (error) => faultCode(error) === 'FEDERATION_ENDPOINT_UNTRUSTED');
  }));

test('F-10, F-15: redirects, faults, floods and rubbish leave what is known', () =>
  withWeb(async (b, life, document) => {
    const certificate = web('localhost');
    const before = await known(b);
    for (const [code, answer] of [
      [
        'FEDERATION_ENDPOINT_UNAVAILABLE',
        (response) => response.writeHead(302, { location: 'http://localhost/' }).end(),
      ],
      ['FEDERATION_ENDPOINT_UNAVAILABLE', (response) => response.writeHead(500).end(document)],
      ['FEDERATION_ENDPOINT_UNAVAILABLE', (response) => response.destroy()],
      ['BUNDLE_INVALID', (response) => response.end('{"keys":1}')],
      ['BUNDLE_INVALID', (response) => response.end(Buffer.alloc(2 * 1024 * 1024, 0x20))],
      ['FEDERATION_BUNDLE_STALE', (response) => response.end('{"keys":[],"spiffe_sequence":0}')],
    ] as [string, (response: import('node:http').ServerResponse) => void][]) {
      await federate(b, await stranger(life, certificate, (_, response) => answer(response)), { type: 'https_web' });
      await assert.rejects(refresh(b), (error) => faultCode(error) === code);
      assert.deepEqual(await known(b), before);
    }
  }));

test('B-2: a sequence beyond 2^53 is fetched, guarded and told with all its digits', () =>
  withWeb(async (b, life, document) => {
    const served = (sequence: bigint) => document.replace(/("spiffe_sequence":)\d+/, `$1${sequence}`);
    let answered = served(2n ** 64n - 2n);
    const answer = (_: unknown, response: { end(text: string): void }): void => response.end(answered);
    await federate(b, await stranger(life, web('localhost'), answer), { type: 'https_web' });
    await refresh(b);
    answered = served(2n ** 64n - 3n);
    await assert.rejects(refresh(b), (error) => faultCode(error) === 'FEDERATION_BUNDLE_STALE');
    const question = { trustDomain: 'bank-a', outputMask: undefined };
    assert.equal((await b.bundles.getFederatedBundle(question)).sequenceNumber, 2n ** 64n - 2n);
    const { relationships } = await b.federations.list({ trustDomain: 'bank-b' });
    assert.equal(relationships[0]?.sequence, 2n ** 64n - 2n);
    const shown = await b.federations.showBundle({ trustDomain: 'bank-b', other: 'bank-a' });
    assert.equal(parseBundle(shown.document, parseTrustDomain('bank-a')).sequence, 2n ** 64n - 2n);
  }));

test('OpenID Connect discovery: a relying party verifies a JWT-SVID by what it finds there', async () => {
  const life = new Lifecycle();
  try {
    const issuer = 'https://oidc.bank-a.example/tenant';
    const a = await open(life, 'bank-a', { jwtIssuer: issuer, oidcDiscovery: { port: 0 } });
    const { host, port } = a.server.endpoint('bank-a', 'oidcDiscovery') ?? { host: '', port: 0 };
    const ask = async (path: string, name = 'oidc.bank-a.example') => {
      const answer = await import('undici').then(({ request: call }) =>
        call(`http://${host}:${port}${path}`, { headers: { host: name } }),
      );
      return { status: answer.statusCode, body: await answer.body.text() };
    };
    const configuration = JSON.parse((await ask('/tenant/.well-known/openid-configuration')).body);
    assert.equal(configuration.issuer, issuer);
    assert.equal(configuration.jwks_uri, `${issuer}/keys`);
    assert.deepEqual(configuration.id_token_signing_alg_values_supported, ['ES256']);
    const jwks = JSON.parse((await ask('/tenant/keys')).body);
    assert.deepEqual(
      jwks.keys.map((key: Record<string, unknown>) => [key.use, key.alg, key.d]),
      [['sig', 'ES256', undefined]],
    );
    const id = { trustDomain: 'bank-a', path: '/service' };
    const { svid } = await a.svids.mintJWTSVID({ id, audience: ['sts.amazonaws.com'], ttl: 60 });
    const question = { issuer, audience: 'sts.amazonaws.com' };
    const { payload } = await jwtVerify(svid?.token ?? '', createLocalJWKSet(jwks), question);
    assert.equal(payload.sub, 'spiffe://bank-a/service');
    assert.equal((await ask('/tenant/keys', 'elsewhere.example')).status, 400);
    assert.equal((await ask('/keys')).status, 404);
  } finally {
    await life.close();
  }
});

function get(url: string, method = 'GET'): Promise<{ status: number; type: string; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, rejectUnauthorized: false, agent: false }, async (response) => {
      let body = '';
      for await (const chunk of response) body += String(chunk);
      resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body });
    });
    asked.once('error', reject);
    asked.end();
  });
}
