import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Problem, parseDocument, toResource } from '#config';
import { isFault, systemRandom } from '#kernel';
import { readPlan } from './plan.ts';
import { claimRunDirectory } from './run-directory.ts';
import { wire } from './wiring.ts';

const bank = join(import.meta.dirname, '..', '..', 'examples', 'bank', 'hauberk.yaml');
const directory = mkdtempSync(join(tmpdir(), 'hp-'));
after(() => rmSync(directory, { recursive: true }));

test('the bank: what the check adds is part of the plan with --check only', () => {
  const plain = readPlan(bank, { check: false });
  const checked = readPlan(bank, { check: true });
  assert.deepEqual(plain.trustDomains, ['platform.example', 'bank-a', 'bank-b']);
  assert.ok(!plain.processes.some(({ name }) => name === 'bank-a-insider'));
  assert.ok(checked.processes.some(({ name }) => name === 'bank-a-insider'));
  assert.equal(checked.routes.length, plain.routes.length + 2);
});

test('every document that is applied has its ports, and every placeholder its value', async () => {
  const plan = readPlan(bank, { check: true });
  const run = claimRunDirectory(join(directory, 'bank'), 'bank', process.getuid?.() ?? 0);
  const wiring = await wire(plan, run, systemRandom);
  for (const json of wiring.documents) toResource(parseDocument(json));
  const edge = JSON.stringify(wiring.fill(plan.edge?.loaded.json));
  assert.ok(edge.includes(`login.localhost:${wiring.findHttp('login')}`));
  assert.ok(edge.includes(run.at('secrets', 'oidc-client-secret')));
  run.release();
});

test('a file that is not one Environment is refused', () => {
  const file = join(directory, 'x.yaml');
  writeFileSync(file, 'apiVersion: hauberk.dev/v1\nkind: TrustDomain\nmetadata: { name: x }\nspec: {}\n');
  assert.throws(() => readPlan(file, { check: false }), { code: 'CONFIG_INVALID' });
});

test('what an environment names and is not there is told all at once, with lines and the nearest', () => {
  const place = mkdtempSync(join(directory, 'names-'));
  const entry = `apiVersion: hauberk.dev/v1
kind: Entry
metadata: { name: web, trustDomain: a }
spec: { spiffeId: "spiffe://a/web", parentId: "spiffe://a/node/local", selectors: ["supervisor:service:a/web"] }
`;
  writeFileSync(join(place, 'entries.yaml'), entry);
  writeFileSync(join(place, 'web.ts'), '');
  const environment = (module: string, service: string, secret: string): string => `apiVersion: hauberk.dev/v1
kind: Environment
metadata: { name: x }
spec:
  documents: [entries.yaml]
  secrets: { key: {} }
  processes:
    - name: web
      module: ${module}
      service: ${service}
      secrets: { KEY_FILE: ${secret} }
`;
  const file = join(place, 'hauberk.yaml');
  writeFileSync(file, environment('web.ts', 'a/web', 'key'));
  assert.equal(readPlan(file, { check: false }).processes.length, 1);
  writeFileSync(file, environment('wep.ts', 'a/wep', 'kex'));
  assert.throws(
    () => readPlan(file, { check: false }),
    (error) => {
      assert.ok(isFault(error));
      const { problems } = error.details;
      const told = (problems as readonly Problem[]).map(({ line, path, nearest }) => [line, path, nearest]);
      assert.deepEqual(told, [
        [9, 'spec.processes[0].module', 'web.ts'],
        [11, 'spec.processes[0].secrets.KEY_FILE', 'key'],
        [10, 'spec.processes[0].service', 'a/web'],
      ]);
      return true;
    },
  );
});

const ENVIRONMENT = `apiVersion: hauberk.dev/v1
kind: Environment
metadata: { name: x }
spec:
  documents: [all.yaml]
`;

function planOf(documents: string) {
  const place = mkdtempSync(join(directory, 'documents-'));
  writeFileSync(join(place, 'hauberk.yaml'), ENVIRONMENT);
  writeFileSync(join(place, 'all.yaml'), documents);
  return readPlan(join(place, 'hauberk.yaml'), { check: false });
}

const mapping = (spec: string): string => `apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: a, namespace: platform }
spec:
  prefix: /a/
  service: https://a.bank-a
  ${spec}
`;

test('a Mapping that the edge would refuse is refused with its line and the nearest field, before anything starts', () => {
  assert.equal(planOf(mapping('rewrite: /')).routes.length, 1);
  assert.equal(planOf(mapping(`host_rewrite: \${port.login}`)).routes.length, 1);
  assert.throws(
    () => planOf(mapping('rewrit: /')),
    (error) =>
      isFault(error) && /all\.yaml:7: spec\.rewrit: expected one of .*did you mean "rewrite"/.test(error.message),
  );
  assert.throws(
    () => planOf(mapping('jwt: { requireTokn: true }')),
    (error) => isFault(error) && /all\.yaml:7: spec\.jwt\.requireTokn: .*"requireToken"/.test(error.message),
  );
  assert.throws(
    () => planOf(mapping('timeout_ms: 0')),
    (error) => isFault(error) && /:7: spec\.timeout_ms: expected 1 to 3600000, found 0$/.test(error.message),
  );
});

test('an AuthService that fails open is refused with its line', () => {
  const authService = `apiVersion: getambassador.io/v3alpha1
kind: AuthService
metadata: { name: a, namespace: platform }
spec: { auth_service: hauberk, failure_mode_allow: true }
`;
  assert.throws(
    () => planOf(authService),
    (error) => isFault(error) && /all\.yaml:4: spec\.failure_mode_allow: expected false/.test(error.message),
  );
});

test('a Federation document is for the registry', () => {
  const federation = `apiVersion: hauberk.dev/v1
kind: Federation
metadata: { name: partner.example, trustDomain: bank-a }
spec: { bundleEndpointUrl: "https://partner.example/", bundleEndpointProfile: { type: https_web } }
`;
  assert.deepEqual(
    planOf(federation).documents.map(({ document }) => document.kind),
    ['Federation'],
  );
});
