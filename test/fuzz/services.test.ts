// Every method of every service that an agent or a server offers, beside SPIRE's server API (`spire-api.test.ts`), fed with bytes that are no
// message, messages of random fields, and messages cut short: each is answered with a status that is the caller's fault, and both go on.
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Closeable, Lifecycle } from '#kernel';
import { createClient, dialTls } from '#rpc';
import type { ServiceDefinition } from '#wire';
import { SecretDiscoveryServiceDefinition } from '#wire/gen/envoy/service/secret/v3/sds';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { SupervisorDefinition } from '#wire/gen/hauberk_agent';
import { AgentsDefinition } from '#wire/gen/hauberk_agents';
import { AuthoritiesDefinition } from '#wire/gen/hauberk_authorities';
import { FederationsDefinition } from '#wire/gen/hauberk_federations';
import { RevocationsDefinition } from '#wire/gen/hauberk_revocations';
import { AgentSyncDefinition } from '#wire/gen/hauberk_sync';
import { EnforcementPointDefinition } from '#wire/gen/hauberk_workload';
import { HealthDefinition } from '#wire/gen/health';
import { ServerReflectionDefinition } from '#wire/gen/reflection';
import { ServerReflectionDefinition as ServerReflectionAlphaDefinition } from '#wire/gen/reflection_v1alpha';
import { DebugDefinition } from '#wire/gen/spire/api/agent/debug';
import { DelegatedIdentityDefinition } from '#wire/gen/spire/api/agent/delegatedidentity';
import { LoggerDefinition } from '#wire/gen/spire/api/agent/logger';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { createCertificateRequest, pemCertificates } from '#x509';
import { type House, withHouse } from '../../src/agent/agent.harness.ts';
import { newKey } from '../forge/certificate.ts';
import { input, OUR_FAULT, rawCall } from './raw-call.ts';
import { SPIRE_SERVICES } from './spire-services.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 25);
const SEED = Number(process.env.FUZZ_SEED ?? 42);
const METADATA = { 'workload.spiffe.io': 'true' };

type Dial = (house: House) => Promise<(definition: ServiceDefinition) => Closeable>;
const unix =
  (path: (house: House) => string): Dial =>
  async (house) =>
  (definition) =>
    createClient(definition, { socketPath: path(house), metadata: METADATA });

const DOORS: Readonly<Record<string, { readonly dial: Dial; readonly services: readonly ServiceDefinition[] }>> = {
  'workload socket': {
    dial: unix(({ socket }) => socket),
    services: [
      SpiffeWorkloadAPIDefinition,
      EnforcementPointDefinition,
      SecretDiscoveryServiceDefinition,
      HealthDefinition,
      ServerReflectionDefinition,
      ServerReflectionAlphaDefinition,
    ],
  },
  "agent's admin socket": {
    dial: unix(({ adminSocket }) => adminSocket),
    services: [SupervisorDefinition, DelegatedIdentityDefinition, DebugDefinition, LoggerDefinition],
  },
  "server's admin socket": {
    dial: unix(({ server }) => server.adminSocket),
    services: [AdminDefinition, AgentsDefinition, AuthoritiesDefinition, FederationsDefinition, RevocationsDefinition],
  },
  'sync port, without a certificate': {
    dial: async (house) => sync(house, undefined),
    services: [AgentSyncDefinition],
  },
  'sync port, as an agent': {
    dial: async (house) => sync(house, await agentIdentity(house)),
    services: [AgentSyncDefinition],
  },
};

interface Pem {
  readonly key: string | Buffer;
  readonly cert: string;
}

function sync({ server }: House, identity: Pem | undefined): (definition: ServiceDefinition) => Closeable {
  const options = { ...server.sync, servername: 'bank-a', verify: () => {} };
  return (definition) =>
    createClient(definition, { dial: () => dialTls({ ...options, ...(identity === undefined ? {} : { identity }) }) });
}

async function agentIdentity(house: House): Promise<Pem> {
  const { token } = await house.joinMaterial('bank-a');
  const dial = () => dialTls({ ...house.server.sync, servername: 'bank-a', verify: () => {} });
  const client = createClient(AgentSyncDefinition, { dial });
  const key = newKey();
  const request = { trustDomain: 'bank-a', type: 'join_token', payload: Buffer.from(token), protocolVersion: 1 };
  const { certificateChain } = await client.attest({ ...request, csr: createCertificateRequest(key) });
  await client.close();
  return { key: key.export({ type: 'pkcs8', format: 'pem' }), cert: pemCertificates(certificateChain) };
}

for (const [door, { dial, services }] of Object.entries(DOORS))
  test(`whatever is sent to the ${door}, it is answered, and others are`, () =>
    withHouse(async (house) => {
      const life = new Lifecycle();
      const connect = await dial(house);
      for (const definition of services)
        for (const key of Object.keys(definition.methods)) {
          const call = rawCall({ definition, key }, (raw) => life.own(connect(raw)));
          await fc.assert(
            fc.asyncProperty(input, async (bytes) => {
              const status = await call(bytes);
              assert.ok(
                typeof status === 'number' && !OUR_FAULT.includes(status),
                `${definition.fullName}/${key} answers ${status}`,
              );
            }),
            { numRuns: RUNS, seed: SEED },
          );
        }
      await life.close();
      await house.admin.status({});
      await house.supervisor.status({});
    }));

test('no service that has a definition is left out', async () => {
  const files = globSync('src/wire/gen/**/*.ts', { cwd: join(import.meta.dirname, '../..') });
  const modules = await Promise.all(files.map((file) => import(join('../..', file))));
  const defined = modules.flatMap((one) => Object.values(one)).flatMap((one) => Object(one).fullName ?? []);
  const covered = [...Object.values(DOORS).flatMap(({ services }) => services), ...SPIRE_SERVICES];
  assert.deepEqual([...new Set(defined)].sort(), [...new Set(covered.map(({ fullName }) => fullName))].sort());
});
