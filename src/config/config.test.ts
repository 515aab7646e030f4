import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Fault } from '#kernel';
import { findDurationSeconds, loadDocuments, type Problem, parseDocument, toResource } from './index.ts';

const directory = mkdtempSync(join(tmpdir(), 'hauberk-config-'));
after(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function problemsOf(action: () => unknown): readonly Problem[] {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof Fault);
    assert.equal(error.code, 'CONFIG_INVALID');
    const { problems } = error.details;
    assert.ok(Array.isArray(problems));
    return problems;
  }
  return assert.fail('accepted');
}

const ENTRY = {
  apiVersion: 'hauberk.dev/v1',
  kind: 'Entry',
  metadata: { name: 'gateway', trustDomain: 'bank-a' },
  spec: {
    spiffeId: 'spiffe://bank-a/gateway',
    parentId: 'spiffe://bank-a/node/local',
    selectors: ['unix:uid:1000'],
  },
};

test('accepts an entry and makes the resource of the wire', () => {
  const converted = toResource(parseDocument(ENTRY));
  assert.equal(converted.kind, 'Entry');
  assert.equal(converted.key, 'gateway');
});

test('reports all problems of all files at once, each with line, path and nearest word', () => {
  const first = write(
    'a.yaml',
    `apiVersion: hauberk.dev/v1
kind: Service
metadata: { name: one, namespace: bank-a, trustDomain: bank-a }
spec:
  spifeId: spiffe://bank-a/one
  protocol: htpp
  endpoints:
    - { host: 127.0.0.1, port: 70000 }
`,
  );
  const second = write('b.yaml', 'apiVersion: hauberk.dev/v1\nkind: Entri\n');
  const found = problemsOf(() => loadDocuments([first, second]));
  const seen = found.map(({ line, path, nearest }) => [line, path, nearest]);
  assert.deepEqual(
    new Set(seen.map((row) => JSON.stringify(row))),
    new Set(
      [
        [4, 'spec.spiffeId', undefined],
        [5, 'spec.spifeId', 'spiffeId'],
        [6, 'spec.protocol', 'http'],
        [8, 'spec.endpoints[0].port', undefined],
        [2, 'kind', 'Entry'],
      ].map((row) => JSON.stringify(row)),
    ),
  );
});

test('refuses an unknown key anywhere in a document of ours', () => {
  const [problem] = problemsOf(() => parseDocument({ ...ENTRY, spec: { ...ENTRY.spec, selector: [] } }));
  assert.equal(problem?.path, 'spec.selector');
  assert.equal(problem?.nearest, 'selectors');
});

test('refuses an entry without selectors, for it would match every process', () => {
  const [problem] = problemsOf(() => parseDocument({ ...ENTRY, spec: { ...ENTRY.spec, selectors: [] } }));
  assert.equal(problem?.path, 'spec.selectors');
});

test('refuses paths that leave the directory of the environment', () => {
  const environment = { apiVersion: 'hauberk.dev/v1', kind: 'Environment', metadata: { name: 'x' } };
  for (const path of ['/etc/passwd', '../up.yaml', 'a/../../b.yaml']) {
    const found = problemsOf(() => parseDocument({ ...environment, spec: { documents: [path] } }));
    assert.equal(found[0]?.path, 'spec.documents[0]');
  }
});

test('refuses YAML that is broken, that repeats a key, and that uses an alias', () => {
  for (const text of ['a: [1', 'a: 1\na: 2\n', 'a: &x 1\nb: *x\n']) {
    assert.equal(problemsOf(() => loadDocuments([write('c.yaml', text)])).length > 0, true);
  }
});

test('reports values of any JSON shape instead of failing on them', () => {
  for (const value of [null, 1, 'x', [], {}, { kind: 'Entry' }, { kind: '__proto__' }]) {
    assert.ok(problemsOf(() => parseDocument(value)).length > 0);
  }
});

test('a file that cannot be read is one clear fault', () => {
  assert.throws(() => loadDocuments([join(directory, 'none.yaml')]), { code: 'CONFIG_UNREADABLE' });
});

test('keeps Istio and Ambassador documents as they were written', () => {
  const spec = { rules: [{ from: [{ source: { principals: ['a/b'] } }] }] };
  const document = parseDocument({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'p', namespace: 'bank-a' },
    spec,
  });
  const converted = toResource(document);
  assert.equal(converted.kind === 'AuthorizationPolicy' && converted.namespace, 'bank-a');
  assert.deepEqual(converted.kind === 'AuthorizationPolicy' && converted.body.spec, spec);
});

test('durations have one unit and no zero', () => {
  assert.equal(findDurationSeconds('15m'), 900);
  for (const text of ['0s', '15', '1h30m', '-1s', '15 m', '']) assert.equal(findDurationSeconds(text), undefined);
});
