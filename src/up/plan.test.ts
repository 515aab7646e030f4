import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseDocument, toResource } from '#config';
import { systemRandom } from '#kernel';
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
