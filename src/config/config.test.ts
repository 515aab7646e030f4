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

test('every field of an entry comes to stand in its resource; flags that do not hold leave nothing', () => {
  const spec = {
    ...ENTRY.spec,
    x509SvidLifetime: '30m',
    jwtSvidLifetime: '2m',
    dnsNames: ['gateway.bank-a'],
    federatesWith: ['bank-b'],
    hint: 'main',
    priority: 10,
    admin: true,
    downstream: false,
    storeSvid: true,
    jwtSvidJti: true,
    disableX509SvidPrefetch: true,
    expiresAt: '2027-01-31T00:00:00Z',
  };
  const converted = toResource(parseDocument({ ...ENTRY, metadata: { ...ENTRY.metadata, owner: 'team' }, spec }));
  assert.deepEqual(converted.body, {
    id: 'gateway',
    ...ENTRY.spec,
    x509SvidTtlSeconds: 1800,
    jwtSvidTtlSeconds: 120,
    dnsNames: ['gateway.bank-a'],
    federatesWith: ['bank-b'],
    hint: 'main',
    priority: 10,
    admin: true,
    storeSvid: true,
    jwtSvidJti: true,
    disableX509SvidPrefetch: true,
    expiresAt: Date.UTC(2027, 0, 31) / 1000,
    owner: 'team',
  });
  for (const expiresAt of ['tomorrow', '2027-01-31', '2027-13-01T00:00:00Z'])
    assert.deepEqual(
      problemsOf(() => parseDocument({ ...ENTRY, spec: { ...ENTRY.spec, expiresAt } })).map(({ path }) => path),
      ['spec.expiresAt'],
    );
});

const FEDERATION = {
  apiVersion: 'hauberk.dev/v1',
  kind: 'Federation',
  metadata: { name: 'partner.example', trustDomain: 'bank-a', owner: 'team' },
  spec: {
    bundleEndpointUrl: 'https://partner.example/bundle',
    bundleEndpointProfile: { type: 'https_spiffe', endpointSpiffeId: 'spiffe://partner.example/spire/server' },
    allow: { ids: ['spiffe://partner.example/payments/*'], tenants: ['bank-a'] },
  },
};

test('a federation document names the other trust domain, its endpoint and what its identities may do', () => {
  assert.deepEqual(toResource(parseDocument(FEDERATION)), {
    kind: 'Federation',
    trustDomain: 'bank-a',
    key: 'partner.example',
    body: { trustDomain: 'partner.example', ...FEDERATION.spec, owner: 'team' },
  });
});

for (const [what, change, path] of [
  ['an http address', { bundleEndpointUrl: 'http://partner.example/' }, 'spec.bundleEndpointUrl'],
  ['an address with a user', { bundleEndpointUrl: 'https://me@partner.example/' }, 'spec.bundleEndpointUrl'],
  [
    'no endpoint id',
    { bundleEndpointProfile: { type: 'https_spiffe' } },
    'spec.bundleEndpointProfile.endpointSpiffeId',
  ],
  ['an unknown profile', { bundleEndpointProfile: { type: 'ftp' } }, 'spec.bundleEndpointProfile.type'],
  ['an unknown limit', { allow: { roles: [] } }, 'spec.allow.roles'],
] as const) {
  test(`a federation document with ${what} is refused where it is wrong`, () => {
    const problems = problemsOf(() => parseDocument({ ...FEDERATION, spec: { ...FEDERATION.spec, ...change } }));
    assert.deepEqual(
      problems.map((problem) => problem.path),
      [path],
    );
  });
}
