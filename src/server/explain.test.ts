import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REASON_CODES, type ReasonCodeName, type Receipt } from '#chain';
import { ManualClock, systemRandom } from '#kernel';
import { MemoryStore, Registry } from '#registry';
import { planDocuments } from './documents.ts';
import { explain } from './explain.ts';
import { fixOf } from './fixes.ts';

const SERVICE = 'spiffe://bank-a/accounts';
const metadata = { name: 'accounts', namespace: 'bank-a', trustDomain: 'bank-a' };
const ours = { apiVersion: 'hauberk.dev/v1' };
const documents = [
  { ...ours, kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec: { namespaces: ['bank-a'] } },
  {
    ...ours,
    kind: 'Service',
    metadata,
    spec: { spiffeId: SERVICE, protocol: 'http', labels: { app: 'accounts' }, endpoints: [{ host: 'x', port: 1 }] },
  },
  {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'accounts', namespace: 'bank-a' },
    spec: {
      selector: { matchLabels: { app: 'accounts' } },
      rules: [{ from: [{ source: { principals: ['bank-a/gateway'] } }] }],
    },
  },
  {
    ...ours,
    kind: 'Entry',
    metadata: { name: 'accounts', trustDomain: 'bank-a' },
    spec: { spiffeId: SERVICE, parentId: 'spiffe://bank-a/node/x', selectors: ['unix:uid:1', 'unix:gid:1'] },
  },
];

async function explained(change: Partial<Receipt> & Pick<Receipt, 'code'>, ...more: readonly Partial<Receipt>[]) {
  const registry = await Registry.open({ store: new MemoryStore(), clock: new ManualClock(), random: systemRandom });
  const { changes } = planDocuments(
    documents.map((one) => JSON.stringify(one)),
    [],
  );
  await registry.commitAll(changes);
  const base: Receipt = {
    id: 'i',
    txn: 't',
    span: 'a',
    kind: 'service',
    trustDomain: 'bank-a',
    workload: SERVICE,
    effect: 'deny',
    startedAt: '2026-01-01T00:00:00.000Z',
    durationUs: 0,
    ...change,
  };
  const lines = explain([base, ...more.map((one) => ({ ...base, ...one }))], registry);
  await registry.close();
  return lines.join('\n');
}

test('names the policies that select the workload, whom they let in, and what to add', async () => {
  const lines = await explained({ code: 'POLICY_NO_RULE_MATCHES', peer: 'spiffe://bank-a/other' });
  assert.match(lines, /policy that selects it: bank-a\/accounts \(ALLOW bank-a\/gateway\)/);
  assert.match(lines, /fix: add "bank-a\/other"/);
});

test('a policy that came after the denial is told as that, and nobody is sent to write it', async () => {
  const lines = await explained({ code: 'POLICY_NO_POLICY', peer: 'spiffe://bank-a/gateway' });
  assert.match(lines, /policy that selects it: bank-a\/accounts .*\nfix: ask again/);
  const none = await explained({ code: 'POLICY_NO_POLICY', workload: 'spiffe://bank-a/other', peer: SERVICE });
  assert.match(none, /so no policy selects it\nfix: write an AuthorizationPolicy/);
});

test('the broken link is the guard whose answer the service passed on', async () => {
  const guard = {
    kind: 'guard',
    span: 'b',
    parentSpan: 'a',
    action: 'account:read',
    resource: 'Account::"1"',
  } as const;
  const lines = await explained({ code: 'RESOURCE_NOT_PERMITTED' }, guard);
  assert.match(lines, /^broken link: guard at .*\n.*\nasked for: account:read Account::"1"\n/);
  assert.match(lines, /bank-a has no Cedar policy/);
});

test('names the clock that an ended token was held against, and the key of an unknown minter', async () => {
  const ended = await explained({ code: 'TOKEN_EXPIRED', detail: { ended: 1_000_000_000, now: 1_000_000_007 } });
  assert.match(ended, /clock: it ended at 2001-09-09T01:46:40Z, 7 s before 2001-09-09T01:46:47Z/);
  const unknown = await explained({ code: 'MINTER_UNKNOWN', detail: { kid: 'k1' } });
  assert.match(unknown, /key: k1\nregistered minters of bank-a: none/);
});

test('names the selectors that the nearest entry misses', async () => {
  const lines = await explained({ code: 'IDENTITY_NO_ENTRY', detail: { pid: 7, selectors: ['unix:uid:1'] } });
  assert.match(
    lines,
    /selectors seen of process 7: unix:uid:1\nnearest entry: spiffe:\/\/bank-a\/accounts \(missing unix:gid:1\)/,
  );
});

test('names the trust domains that are trusted, beside the one that is not', async () => {
  const lines = await explained({ code: 'PEER_TRUST_DOMAIN_UNKNOWN', detail: { trustDomain: 'bank-b' } });
  assert.match(lines, /trust domain of the certificate: bank-b\nbank-a trusts: /);
});

test('every denial that the story of the bank provokes has a fix', () => {
  const link = /^(PEER|TOKEN|POLICY|SESSION|LOGIN|ROUTE|DATABASE|MINTER|REQUEST)_/;
  const codes = (Object.keys(REASON_CODES) as ReasonCodeName[]).filter((code) => link.test(code));
  const fixed = codes.filter((code) => fixOf({ code } as Receipt) !== undefined);
  assert.ok(fixed.length > 45, `${fixed.length} of ${codes.length}`);
});

test('what was allowed has no broken link', async () => {
  assert.equal(await explained({ code: 'ALLOWED', effect: 'allow' }), '');
});
