import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode, LIMITS, ManualClock } from '#kernel';
import { MemoryKeyManager, memoryJournal } from '#plugins/key-manager/memory';
import { parseCertificate } from '#x509';
import { HOUR, id, newAuthority, newSpki } from './authority.harness.ts';
import { AUTHORITY_KINDS, type Authority, type AuthorityKind } from './index.ts';

const code = (expected: string) => (error: unknown) => faultCode(error) === expected || assert.fail(`${error}`);
const inState = (authority: Authority, kind: AuthorityKind, state: string): string =>
  authority.states(kind).find((one) => one.state === state)?.id ?? assert.fail(`none is ${state}`);

/** What is issued now, by the id of the key that signed it. */
async function signer(authority: Authority, kind: AuthorityKind): Promise<string> {
  if (kind === 'jwt') return (await authority.issueJwtSvid({ id, audience: ['a'], ttlSeconds: 60 })).kid;
  if (kind === 'x509') {
    const { chain } = await authority.issueX509Svid({ id, publicKeySpki: newSpki(), ttlSeconds: 60 });
    return parseCertificate(chain[0] ?? Buffer.alloc(0)).authorityKeyId?.toString('hex') ?? '';
  }
  return inState(authority, kind, 'active');
}

for (const kind of AUTHORITY_KINDS) {
  test(`${kind}: prepare → activate → taint → revoke, each in its state only`, async () => {
    const authority = await newAuthority(new ManualClock());
    const first = inState(authority, kind, 'active');
    for (const verb of ['activate', 'taint', 'revoke'] as const) {
      await assert.rejects(authority[verb](kind, first), code('AUTHORITY_STATE_INVALID'));
      await assert.rejects(authority[verb](kind, 'unknown'), code('NOT_FOUND'));
    }
    const { id: next } = await authority.prepare(kind);
    for (const verb of ['taint', 'revoke'] as const)
      await assert.rejects(authority[verb](kind, next), code('AUTHORITY_STATE_INVALID'));
    assert.equal(await signer(authority, kind), first);
    await authority.activate(kind, next);
    assert.equal(await signer(authority, kind), next);
    await assert.rejects(authority.revoke(kind, first), code('AUTHORITY_STATE_INVALID'));
    const before = authority.bundle().sequence;
    assert.equal((await authority.taint(kind, first)).tainted, true);
    await assert.rejects(authority.taint(kind, first), code('AUTHORITY_STATE_INVALID'));
    await authority.revoke(kind, first);
    assert.equal(authority.bundle().sequence, before + 2);
    assert.deepEqual(
      authority.states(kind).map((one) => one.id),
      [next],
    );
    // Another kind's key is not to be had by its id.
    const other = AUTHORITY_KINDS.find((one) => one !== kind) ?? 'x509';
    await assert.rejects(authority.activate(other, next), code('NOT_FOUND'));
  });
}

test('preparing again replaces what was prepared, and the key that never signed is forgotten', async () => {
  const keyManager = new MemoryKeyManager();
  const journal = memoryJournal();
  const authority = await newAuthority(new ManualClock(), keyManager, journal);
  const one = await authority.prepare('jwt');
  const name = (await journal.load())?.slots.find((slot) => slot.id === one.id)?.keyName ?? '';
  assert.ok(await keyManager.find(name));
  const two = await authority.prepare('jwt');
  assert.equal(await keyManager.find(name), undefined);
  await assert.rejects(authority.activate('jwt', one.id), code('NOT_FOUND'));
  await authority.activate('jwt', two.id);
});

test('the journal and the bundle stay bounded, whatever is commanded', async () => {
  const clock = new ManualClock();
  const authority = await newAuthority(clock);
  const rotate = async () => authority.activate('jwt', (await authority.prepare('jwt')).id);
  for (let turn = 1; turn < LIMITS.authoritySlots.value; turn++) await rotate();
  await assert.rejects(rotate(), code('LIMIT_EXCEEDED'));
  const old = inState(authority, 'jwt', 'old');
  await authority.taint('jwt', old);
  await authority.revoke('jwt', old);
  await rotate();
  // Time is not held up by what was commanded.
  clock.advance(23 * HOUR);
  await authority.rotateIfDue();
  assert.equal(
    (await authority.issueJwtSvid({ id, audience: ['a'], ttlSeconds: 7200 })).kid,
    inState(authority, 'jwt', 'active'),
  );
  assert.ok(authority.states('jwt').length > LIMITS.authoritySlots.value);
});

test('a key that cannot be deleted holds up neither rotation nor revocation', async () => {
  class Stubborn extends MemoryKeyManager {
    override async delete(): Promise<void> {
      throw new Error('the key service is away');
    }
  }
  const authority = await newAuthority(new ManualClock(), new Stubborn());
  const old = inState(authority, 'jwt', 'active');
  await authority.activate('jwt', (await authority.prepare('jwt')).id);
  await authority.taint('jwt', old);
  await authority.revoke('jwt', old);
  assert.equal(authority.states('jwt').length, 1);
});

test('what is not published is not activated: neither by command nor by time', async () => {
  const clock = new ManualClock();
  const authority = await newAuthority(clock);
  const first = inState(authority, 'x509', 'active');
  const published: string[] = [];
  let reachable = false;
  authority.onBundleChange(async ({ x509Authorities }) => {
    if (!reachable) throw new Error('the registry is away');
    published.push(...x509Authorities);
  });
  await assert.rejects(authority.prepare('x509'));
  await assert.rejects(authority.activate('x509', inState(authority, 'x509', 'prepared')));
  clock.advance(23 * HOUR);
  await assert.rejects(authority.rotateIfDue());
  assert.equal(inState(authority, 'x509', 'active'), first);
  reachable = true;
  await authority.rotateIfDue();
  assert.notEqual(inState(authority, 'x509', 'active'), first);
  assert.ok(authority.bundle().x509Authorities.every((one) => published.includes(one)));
});

test('servers of one journal agree: a race has one winner, and a command at one is known to the other', async () => {
  const clock = new ManualClock();
  const keyManager = new MemoryKeyManager();
  const journal = memoryJournal();
  const servers = await Promise.all([1, 2, 3].map(() => newAuthority(clock, keyManager, journal)));
  const [one, two] = servers;
  if (one === undefined || two === undefined) return assert.fail('no servers');
  for (const server of servers) await server.rotateIfDue();
  for (const server of servers) assert.deepEqual(server.bundle(), one.bundle());
  clock.advance(13 * HOUR);
  await Promise.all(servers.map((server) => server.rotateIfDue()));
  for (const server of servers) await server.rotateIfDue();
  assert.equal(one.states('x509').length, 2);
  for (const server of servers) assert.deepEqual(server.states('x509'), one.states('x509'));
  await one.activate('jwt', inState(one, 'jwt', 'prepared'));
  const old = inState(one, 'jwt', 'old');
  await two.taint('jwt', old);
  await assert.rejects(one.taint('jwt', old), code('AUTHORITY_STATE_INVALID'));
  await one.revoke('jwt', old);
  await two.rotateIfDue();
  assert.deepEqual(two.bundle(), one.bundle());
  for (const server of servers) await signer(server, 'x509');
});
