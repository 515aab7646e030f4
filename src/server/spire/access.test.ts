import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { HealthDefinition, HealthCheckResponse_ServingStatus as Serving } from '#wire/gen/health';
import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { DebugDefinition } from '#wire/gen/spire/api/server/debug';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { LocalAuthorityDefinition } from '#wire/gen/spire/api/server/localauthority';
import { LoggerDefinition } from '#wire/gen/spire/api/server/logger';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { TrustDomainDefinition } from '#wire/gen/spire/api/server/trustdomain';
import { Entry, LogLevel } from '#wire/gen/spire/api/types';
import { createCertificateRequest } from '#x509';
import { forge } from '../../../test/forge/certificate.ts';
import { accessOf, SPIRE_ACCESS } from './access.ts';
import { newKey, spiffeId, withSpire } from './spire.harness.ts';

const DEFINITIONS = [
  AgentDefinition,
  BundleDefinition,
  DebugDefinition,
  EntryDefinition,
  HealthDefinition,
  LocalAuthorityDefinition,
  LoggerDefinition,
  SVIDDefinition,
  TrustDomainDefinition,
];

test('the table of access names every method of every service, and no other', () => {
  const defined = DEFINITIONS.map(({ fullName, methods }) => [
    fullName,
    Object.values(methods)
      .map(({ name }) => name)
      .sort(),
  ]);
  const listed = Object.entries(SPIRE_ACCESS).map(([service, methods]) => [service, Object.keys(methods).sort()]);
  assert.deepEqual(Object.fromEntries(listed), Object.fromEntries(defined));
});

test('what is not in the table is nobody’s', () => {
  assert.equal(accessOf('spire.api.server.entry.v1.Entry', 'toString'), undefined);
  assert.equal(accessOf('constructor', 'name'), undefined);
});

const code = (expected: string) => (error: unknown) => faultCode(error) === expected;

test('a caller without certificate gets the bundle and nothing of operators or agents', () =>
  withSpire(async (spire) => {
    const { trustDomain, x509Authorities } = await spire.tls(BundleDefinition).getBundle({ outputMask: undefined });
    assert.equal(trustDomain, 'bank-a');
    assert.equal(x509Authorities.length, 1);
    const entries = spire.tls(EntryDefinition);
    await assert.rejects(entries.countEntries({ filter: undefined }), code('CALLER_NOT_AUTHORIZED'));
    await assert.rejects(entries.getAuthorizedEntries({ outputMask: undefined }), code('AGENT_NOT_ATTESTED'));
    const svids = spire.tls(SVIDDefinition);
    const csr = createCertificateRequest(newKey());
    await assert.rejects(svids.mintX509SVID({ csr, ttl: 0 }), code('CALLER_NOT_AUTHORIZED'));
    await assert.rejects(svids.newDownstreamX509CA({ csr, preferredTtl: 0 }), code('CALLER_NOT_AUTHORIZED'));
    // Health, logger and debug are not on the TLS port at all.
    for (const call of [
      spire.tls(HealthDefinition).check({ service: '' }),
      spire.tls(LoggerDefinition).getLogger({}),
      spire.tls(DebugDefinition).getInfo({}),
    ])
      await assert.rejects(call, (error) => Reflect.get(Object(error).details, 'grpcStatus') === 12);
  }));

test('an agent gets its own methods and none of operators', () =>
  withSpire(async (spire) => {
    const agent = await spire.attest();
    const entries = spire.tls(EntryDefinition, agent);
    assert.deepEqual(await entries.getAuthorizedEntries({ outputMask: undefined }), { entries: [] });
    await assert.rejects(entries.countEntries({ filter: undefined }), code('CALLER_NOT_AUTHORIZED'));
    const agents = spire.tls(AgentDefinition, agent);
    await assert.rejects(agents.countAgents({ filter: undefined }), code('CALLER_NOT_AUTHORIZED'));
    await assert.rejects(
      agents.createJoinToken({ ttl: 1, token: '', agentId: undefined }),
      code('CALLER_NOT_AUTHORIZED'),
    );
  }));

test('the admin socket is not an agent', () =>
  withSpire(async (spire) => {
    await assert.rejects(
      spire.local(EntryDefinition).getAuthorizedEntries({ outputMask: undefined }),
      code('CALLER_NOT_AUTHORIZED'),
    );
  }));

test('health is what can be issued now; the level of the log moves and comes back; debug says what is held', () =>
  withSpire(async (spire) => {
    const health = spire.local(HealthDefinition);
    assert.deepEqual(await health.check({ service: '' }), { status: Serving.SERVING });
    await assert.rejects(health.check({ service: 'x' }), code('NOT_FOUND'));
    const logger = spire.local(LoggerDefinition);
    const { currentLevel } = await logger.setLogLevel({ newLevel: LogLevel.DEBUG });
    assert.equal(currentLevel, LogLevel.DEBUG);
    await assert.rejects(logger.setLogLevel({ newLevel: LogLevel.UNSPECIFIED }), code('ARGUMENT_INVALID'));
    assert.deepEqual(await logger.resetLogLevel({}), { currentLevel: LogLevel.INFO, launchLevel: LogLevel.INFO });
    const info = await spire.local(DebugDefinition).getInfo({});
    assert.equal(info.svidChain[0]?.id?.path, '/spire/server');
    assert.equal(info.federatedBundlesCount, 0);
  }));

test('a workload of an admin entry is an operator over TLS, for as long as the entry stands; of a downstream entry it is not', () =>
  withSpire(async (spire) => {
    const operator = spire.local(EntryDefinition);
    const entry = (id: string, flags: object) => ({
      ...Entry.decode(new Uint8Array()),
      id,
      spiffeId: spiffeId(`/${id}`),
      parentId: spiffeId('/node/one'),
      selectors: [{ type: 'unix', value: 'uid:1' }],
      ...flags,
    });
    const entries = [entry('admin', { admin: true }), entry('below', { downstream: true })];
    await operator.batchCreateEntry({ entries, outputMask: undefined });
    const admin = spire.tls(EntryDefinition, await spire.mint('/admin'));
    assert.deepEqual(await admin.countEntries({ filter: undefined }), { count: 2 });
    const below = await spire.mint('/below');
    await assert.rejects(
      spire.tls(EntryDefinition, below).countEntries({ filter: undefined }),
      code('CALLER_NOT_AUTHORIZED'),
    );
    const csr = createCertificateRequest(newKey());
    const { caCertChain } = await spire.tls(SVIDDefinition, below).newDownstreamX509CA({ csr, preferredTtl: 600 });
    assert.equal(caCertChain.length, 1);
    await operator.batchDeleteEntry({ ids: ['admin'] });
    await assert.rejects(admin.countEntries({ filter: undefined }), code('CALLER_NOT_AUTHORIZED'));
  }));

test('a certificate of another trust domain, though hosted by the same server, is nobody here', () =>
  withSpire(async (spire) => {
    const foreign = forge({
      uris: ['spiffe://bank-b/spire/agent/x'],
      notBefore: Date.now() - 1000,
      notAfter: Date.now() + 60_000,
    });
    const client = spire.tls(EntryDefinition, { key: foreign.key, chain: [foreign.der] });
    await assert.rejects(client.getAuthorizedEntries({ outputMask: undefined }), code('PEER_TRUST_DOMAIN_UNKNOWN'));
    await assert.rejects(
      spire.tls(BundleDefinition, { key: foreign.key, chain: [foreign.der] }).getBundle({ outputMask: undefined }),
      code('PEER_TRUST_DOMAIN_UNKNOWN'),
    );
  }));
