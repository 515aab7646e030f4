import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { SpiffeId } from '#spiffe';
import type { WholeUpdate } from '#wire';
import { Acknowledgements } from './acknowledgements.ts';
import { Enforcement } from './enforcement.ts';
import { OpenConnections } from './open-connections.ts';
import { serving } from './serve.harness.ts';

type Sent = readonly [kind: string, key: string, body: object | string];

const update = (sent: readonly Sent[], change: Partial<WholeUpdate> = {}): WholeUpdate => ({
  ...{ trustDomain: 'bank-a', revision: 1n, full: true, removals: [] },
  upserts: sent.map(([kind, key, body]) => ({
    ...{ kind, key },
    bodyJson: typeof body === 'string' ? body : JSON.stringify(body),
  })),
  ...change,
});
const service = (name: string): Sent => ['Service', `bank-a/${name}`, { name, namespace: 'bank-a' }];
const revocation = (kind: string, value: string, revokedAt: number): Sent => [
  'Revocation',
  `${kind}:${value}`,
  { kind, value, revokedAt },
];

test('a full update replaces, a delta adds and takes away, and one that cannot be read changes nothing', () => {
  const enforcement = new Enforcement();
  enforcement.apply(update([service('a'), service('b')]));
  enforcement.apply(update([service('c')], { full: false, removals: [{ kind: 'Service', key: 'bank-a/b' }] }));
  const known = (): string[] =>
    ['a', 'b', 'c', 'd'].filter((name) => enforcement.service(name, 'bank-a') !== undefined);
  assert.deepEqual(known(), ['a', 'c']);
  assert.throws(() => enforcement.apply(update([service('d'), ['Service', 'bank-a/e', '{']])), {
    code: 'INTERNAL_ERROR',
  });
  assert.deepEqual(known(), ['a', 'c']);
  enforcement.apply(update([]));
  assert.deepEqual(known(), []);
});

test('a service is found by name in a namespace or with it, and not by more', () => {
  const enforcement = new Enforcement();
  enforcement.apply(update([service('a')]));
  assert.ok(enforcement.service('a.bank-a', 'elsewhere'));
  for (const name of ['a', 'a.bank-b', 'a.bank-a.x', '', '.bank-a'])
    assert.equal(enforcement.service(name, 'elsewhere'), undefined, name);
});

test('resources keep their identity until they change, and policies their compiled form', () => {
  const enforcement = new Enforcement();
  const policy: Sent = ['AuthorizationPolicy', 'bank-a/x', { metadata: { name: 'x', namespace: 'bank-a' }, spec: {} }];
  enforcement.apply(update([service('a'), policy]));
  const before = [enforcement.service('a', 'bank-a'), enforcement.reach('bank-a')];
  enforcement.apply(update([service('a'), policy, service('b')]));
  assert.ok([enforcement.service('a', 'bank-a'), enforcement.reach('bank-a')].every((one, at) => one === before[at]));
  enforcement.apply(update([service('a')]));
  assert.notEqual(enforcement.reach('bank-a'), before[1]);
  assert.equal(enforcement.reach('bank-b'), undefined);
});

test('a revocation stands for what began in its second or before; that of a workload for good; none in another trust domain', () => {
  const enforcement = new Enforcement();
  enforcement.apply(update([revocation('user', 'u', 100), revocation('workload', 'spiffe://bank-a/w', 100)]));
  const user = (since: number, trustDomain = 'bank-a') => enforcement.isRevoked(trustDomain, { user: 'u', since });
  assert.deepEqual([user(99), user(100), user(101), user(99, 'bank-b')], [true, true, false, false]);
  assert.equal(enforcement.isRevoked('bank-a', { session: 'u', since: 0 }), false);
  assert.throws(() => enforcement.assertPeer(SpiffeId.parse('spiffe://bank-a/w')), { code: 'PEER_REVOKED' });
  enforcement.assertPeer(SpiffeId.parse('spiffe://bank-a/other'));
  enforcement.assertPeer(SpiffeId.parse('spiffe://bank-b/w'));
});

test('a relationship allows the ids, tenants and actions that it lists; without a list all, without a relationship policies alone', () => {
  const enforcement = new Enforcement();
  const relation = (allow?: object): Sent => ['Federation', 'partner', { trustDomain: 'partner', allow }];
  const refused = { code: 'FEDERATION_NOT_ALLOWED' };
  const id = (path: string, trustDomain = 'partner') => SpiffeId.parse(`spiffe://${trustDomain}${path}`);
  const ids = ['spiffe://partner/batch/*', 'spiffe://partner/web'];
  enforcement.apply(update([relation({ ids, tenants: ['partner'], actions: [] })]));
  for (const path of ['/web', '/batch/night']) enforcement.assertPeer(id(path));
  for (const path of ['/batch', '/webs', '/other', '/batchs/x'])
    assert.throws(() => enforcement.assertPeer(id(path)), refused, path);
  enforcement.allowances.assertTenant(id('/web'), 'partner');
  assert.throws(() => enforcement.allowances.assertTenant(id('/web'), 'bank-a'), refused);
  assert.throws(() => enforcement.allowances.assertAction(id('/web'), 'account:read'), refused);
  enforcement.assertPeer(id('/other', 'bank-a'));
  enforcement.allowances.assertTenant(id('/other', 'elsewhere'), 'bank-a');
  enforcement.apply(update([relation()]));
  enforcement.assertPeer(id('/other'));
  enforcement.allowances.assertAction(id('/web'), 'account:read');
});

test('listeners are told after each update and not after they left', () => {
  const enforcement = new Enforcement();
  let told = 0;
  const leave = enforcement.onChange(() => told++);
  enforcement.apply(update([]));
  leave();
  enforcement.apply(update([]));
  assert.equal(told, 1);
});

test('a watch stream says first nothing, then each revision that was applied, and ends with its signal', async () => {
  const abort = new AbortController();
  const acknowledgements = new Acknowledgements(abort.signal);
  acknowledgements.push('bank-a', 1n);
  const seen: unknown[] = [];
  for await (const { acknowledge } of acknowledgements) {
    seen.push(acknowledge?.revision);
    if (seen.length === 2) acknowledgements.push('bank-a', 2n);
    if (seen.length === 3) setImmediate(() => abort.abort());
  }
  assert.deepEqual(seen, [undefined, 1n, 2n]);
});

test('a dialled connection is cut when it would not be opened now, and only that one', () =>
  serving(async ({ server, client }) => {
    const { port } = Object(server.address());
    const open = new OpenConnections();
    const dial = async () => {
      const socket = connect({ port, rejectUnauthorized: false, ...client });
      await once(socket, 'secureConnect');
      return socket;
    };
    const [revoked, sound] = [await dial(), await dial()];
    open.add(revoked, () => {
      throw new Error('revoked');
    });
    open.add(sound, () => undefined);
    const closed = once(revoked, 'close');
    open.recheck();
    await closed;
    assert.equal(sound.destroyed, false);
    sound.destroy();
  }));
