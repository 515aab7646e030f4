import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#kernel';
import { MemoryKeyManager, memoryJournal } from '#plugins/key-manager/memory';
import { parseJwtBundle, parseX509Bundle, verifyJwtSvid, verifyX509Svid } from '#spiffe';
import { HOUR, id, MINUTE, newAuthority, newSpki, trustDomain } from './authority.harness.ts';
import { AUTHORITY_KINDS, type Authority, type AuthorityBundle } from './index.ts';

const publicKeySpki = newSpki();

/** What a relying party that has this bundle thinks of an X509- and a JWT-SVID issued now. */
async function issueAndVerify(authority: Authority, published: AuthorityBundle, at: number): Promise<void> {
  const { chain } = await authority.issueX509Svid({ id, publicKeySpki, ttlSeconds: 3600 });
  verifyX509Svid({ chain, bundles: new Map([[trustDomain, parseX509Bundle(published)]]), at });
  const { token } = await authority.issueJwtSvid({ id, audience: ['a'], ttlSeconds: 300 });
  verifyJwtSvid({ token, audience: 'a', bundles: new Map([[trustDomain, parseJwtBundle(published)]]), at });
}

test('F-1: nothing issued under load ever chains to a key that was not published, over four days of rotations', async () => {
  const clock = new ManualClock();
  const authority = await newAuthority(clock);
  let published = authority.bundle();
  let sequences = 0;
  // The publisher is slow: what is issued meanwhile must still verify by what was published before.
  authority.onBundleChange(async (bundle) => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    assert.ok(bundle.sequence > published.sequence);
    published = bundle;
    sequences++;
  });
  for (let step = 0; step < 4 * 24; step++) {
    const load = Promise.all(Array.from({ length: 5 }, () => issueAndVerify(authority, published, clock.now())));
    clock.advance(0);
    await load;
    clock.advance(HOUR);
    const during = Array.from({ length: 3 }, () => issueAndVerify(authority, published, clock.now()));
    await Promise.all([...during, authority.rotateIfDue()]);
  }
  assert.ok(sequences >= 12, `${sequences} bundles`);
  await authority.close();
});

test('prepares at half-life and activates at five sixths, as SPIRE', async () => {
  const clock = new ManualClock();
  const authority = await newAuthority(clock);
  const states = () => AUTHORITY_KINDS.map((kind) => authority.states(kind).map(({ state }) => state));
  const expect = async (hours: number, wanted: readonly string[]) => {
    clock.advance(hours * HOUR);
    await authority.rotateIfDue();
    assert.deepEqual(states(), [wanted, wanted, wanted]);
  };
  await expect(11.9, ['active']);
  await expect(0.2, ['active', 'prepared']);
  await expect(7.8, ['active', 'prepared']);
  await expect(0.2, ['old', 'active']);
  await expect(4, ['active', 'prepared']);
  await authority.close();
});

test('a restart in every state of a key goes on where it was, and the sequence never falls', async () => {
  const clock = new ManualClock();
  const keyManager = new MemoryKeyManager();
  const journal = memoryJournal();
  let authority = await newAuthority(clock, keyManager, journal);
  const restart = async (): Promise<void> => {
    const before = { bundle: authority.bundle(), states: AUTHORITY_KINDS.map((kind) => authority.states(kind)) };
    await authority.close();
    authority = await newAuthority(clock, keyManager, journal);
    assert.deepEqual(authority.bundle(), before.bundle);
    assert.deepEqual(
      AUTHORITY_KINDS.map((kind) => authority.states(kind)),
      before.states,
    );
    await issueAndVerify(authority, authority.bundle(), clock.now());
  };
  for (const kind of AUTHORITY_KINDS) {
    const old = authority.states(kind)[0]?.id ?? '';
    await restart();
    const { id: next } = await authority.prepare(kind);
    await restart();
    await authority.activate(kind, next);
    await restart();
    await authority.taint(kind, old);
    await restart();
    await authority.revoke(kind, old);
    await restart();
  }
});

test('an old key that is lost stays trusted; a lost active one is replaced and stays trusted', async () => {
  const clock = new ManualClock();
  const journal = memoryJournal();
  const first = await newAuthority(clock, new MemoryKeyManager(), journal);
  const lost = first.states('x509')[0]?.id;
  const { chain } = await first.issueX509Svid({ id, publicKeySpki, ttlSeconds: 3600 });
  const second = await newAuthority(clock, new MemoryKeyManager(), journal);
  verifyX509Svid({ chain, bundles: new Map([[trustDomain, parseX509Bundle(second.bundle())]]), at: clock.now() });
  assert.equal(second.states('x509').find(({ state }) => state === 'old')?.id, lost);
  const third = await newAuthority(clock, new MemoryKeyManager(), journal);
  assert.ok(third.states('x509').some((one) => one.id === lost && one.state === 'old'));
});

test('clock −5 min: still issues, nothing that was issued is of the future', async () => {
  const clock = new ManualClock();
  const authority = await newAuthority(clock);
  const { chain } = await authority.issueX509Svid({ id, publicKeySpki, ttlSeconds: 3600 });
  clock.jump(-5 * MINUTE);
  assert.equal(authority.trouble(), undefined);
  await issueAndVerify(authority, authority.bundle(), clock.now());
  // What was issued a moment before goes on too.
  verifyX509Svid({
    chain,
    bundles: new Map([[trustDomain, parseX509Bundle(authority.bundle())]]),
    at: clock.now(),
  });
});

test('clock set back behind the keys: others take their place at once, and what was published stays trusted', async () => {
  const clock = new ManualClock();
  const authority = await newAuthority(clock);
  const before = authority.bundle();
  clock.jump(-9 * HOUR);
  assert.equal(authority.trouble()?.code, 'IDENTITY_UNAVAILABLE');
  await issueAndVerify(authority, authority.bundle(), clock.now()).catch(() => authority.rotateIfDue());
  await issueAndVerify(authority, authority.bundle(), clock.now());
  assert.equal(authority.trouble(), undefined);
  for (const one of before.x509Authorities) assert.ok(authority.bundle().x509Authorities.includes(one));
  // Once: the next look finds what it needs.
  const { sequence } = authority.bundle();
  await authority.rotateIfDue();
  assert.equal(authority.bundle().sequence, sequence);
});

test('clock of one of several servers set back behind the keys: it issues nothing, says so, and replaces nothing', async () => {
  const clock = new ManualClock();
  const journal = { ...memoryJournal(), watch: () => () => undefined };
  const authority = await newAuthority(clock, new MemoryKeyManager(), journal);
  const before = authority.bundle();
  clock.jump(-15 * MINUTE);
  assert.equal(authority.trouble()?.code, 'IDENTITY_UNAVAILABLE');
  await assert.rejects(authority.issueX509Svid({ id, publicKeySpki, ttlSeconds: 60 }));
  assert.deepEqual(authority.bundle(), before);
});

test('clock +9 h and past every expiry: heals without a restart', async () => {
  const clock = new ManualClock();
  const authority = await newAuthority(clock);
  for (const hours of [9, 9, 9, 100]) {
    clock.jump(hours * HOUR);
    await issueAndVerify(authority, authority.bundle(), clock.now()).catch(() => authority.rotateIfDue());
    await issueAndVerify(authority, authority.bundle(), clock.now());
    assert.equal(authority.trouble(), undefined);
  }
});
