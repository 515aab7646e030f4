import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Lifecycle, ManualClock, silentLog, systemRandom } from '#kernel';
import { createClient } from '#rpc';
import { startServer } from '#server';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { SupervisorDefinition } from '#wire/gen/hauberk_agent';
import { pemCertificates } from '#x509';
import { forge } from '../../test/forge/certificate.ts';
import { until } from './agent.harness.ts';
import { startAgent } from './index.ts';

const DAY = 86_400_000;

test('an agent with a certificate of its node needs no token, and attests again by itself after its own has expired', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'evidence-'));
  const at = (name: string): string => join(directory, name);
  const life = new Lifecycle();
  const clock = new ManualClock(Date.now());
  const common = { random: systemRandom, log: silentLog };
  const validity = { notBefore: Date.now() - 1000, notAfter: Date.now() + 30 * DAY };
  const root = forge({ ca: true, subject: 'nodes', ...validity });
  const leaf = forge({ subject: 'node-1', ...validity }, root);
  writeFileSync(at('ca.pem'), pemCertificates([root.der]));
  writeFileSync(at('cert.pem'), pemCertificates([leaf.der]));
  writeFileSync(at('key.pem'), leaf.key.export({ type: 'pkcs8', format: 'pem' }));
  try {
    const server = life.own(
      await startServer({
        dataDir: at('data'),
        adminSocket: at('s.sock'),
        sync: { host: '127.0.0.1', port: 0 },
        nodeAttestors: { 'bank-a': { x509pop: { caFile: at('ca.pem') } } },
        clock,
        ...common,
      }),
    );
    const admin = life.own(createClient(AdminDefinition, { socketPath: server.adminSocket }));
    const domain = { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec: {} };
    await admin.apply({ documentsJson: [JSON.stringify(domain)], dryRun: false });
    const bundle = JSON.parse((await admin.getBundle({ trustDomain: 'bank-a' })).bundleJson);
    const nodeAttestor = { type: 'x509pop', certFile: at('cert.pem'), keyFile: at('key.pem') } as const;
    life.own(
      await startAgent({
        node: 'local',
        workloadSocket: at('w.sock'),
        adminSocket: at('a.sock'),
        server: server.sync,
        trustDomains: [{ name: 'bank-a', nodeAttestor, bundle }],
        clock,
        ...common,
      }),
    );
    const supervisor = life.own(createClient(SupervisorDefinition, { socketPath: at('a.sock') }));
    const state = async () => (await supervisor.status({})).trustDomains[0];
    await until(async () => (await state())?.state === 'connected');
    assert.match((await state())?.agentId ?? '', /^spiffe:\/\/bank-a\/spire\/agent\/x509pop\//);
    const attested = async () =>
      (await admin.receipts({ limit: 100, kind: 'agent', effect: '' })).receiptsJson
        .map((json) => JSON.parse(json))
        .filter(({ action }) => action === 'attest').length;
    assert.equal(await attested(), 1);
    // Both sleep beyond the end of the agent's certificate.
    clock.jump(2 * 3_600_000);
    clock.advance(1);
    await until(async () => {
      clock.advance(1000);
      return (await attested()) >= 2;
    });
  } finally {
    await life.close();
    rmSync(directory, { recursive: true });
  }
});
