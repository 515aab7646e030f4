import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Authority } from '#authority';
import { Fault, faultCode, ManualClock, systemRandom } from '#kernel';
import { MemoryKeyManager } from '#plugins/key-manager/memory';
import { parseTrustDomain, SpiffeId } from '#spiffe';
import type { EntryResource } from '#wire';
import { parseCertificate, parseCertificateRequest } from '#x509';
import { spkiOf } from './key.ts';
import { WorkloadSvids } from './workload-svids.ts';

const HOUR = 3_600_000;
const ENTRY: EntryResource = {
  id: 'one',
  spiffeId: 'spiffe://bank-a/one',
  parentId: 'spiffe://bank-a/node',
  selectors: ['unix:uid:1'],
};

/** A real authority that issues what it is told to. */
async function world() {
  const clock = new ManualClock();
  const authority = new Authority({
    trustDomain: parseTrustDomain('bank-a'),
    keyManager: new MemoryKeyManager(),
    journal: { load: async () => undefined, save: async () => {} },
    clock,
    random: systemRandom,
    caTtlSeconds: 24 * 3600,
  });
  await authority.ready();
  const state: {
    issued: number;
    uri: string;
    fails: Fault | undefined;
    sequence: number;
    hold: Promise<void>;
    tainted: string[];
    revoked: boolean;
  } = {
    tainted: [],
    revoked: false,
    issued: 0,
    uri: ENTRY.spiffeId,
    fails: undefined,
    sequence: 1,
    hold: Promise.resolve(),
  };
  const svids = new WorkloadSvids({
    clock,
    random: systemRandom,
    bundle: () => ({
      ...authority.bundle(),
      ...(state.revoked ? { x509Authorities: [] } : {}),
      sequence: state.sequence,
      refreshHintSeconds: 60,
      taintedX509Authorities: state.tainted,
    }),
    issue: async (_entryId, csr) => {
      const id = SpiffeId.parse(state.uri);
      await state.hold;
      if (state.fails !== undefined) throw state.fails;
      state.issued++;
      const publicKeySpki = parseCertificateRequest(csr).spki;
      return (await authority.issueX509Svid({ id, publicKeySpki, ttlSeconds: HOUR / 1000 })).chain;
    },
  });
  return { clock, state, svids };
}

test('one SVID an entry until shortly before half its life, then another with another key', async () => {
  const { clock, state, svids } = await world();
  const before = await svids.get(ENTRY);
  clock.advance(HOUR * 0.44);
  assert.equal(await svids.get(ENTRY), before);
  clock.advance(HOUR * 0.06);
  const after = await svids.get(ENTRY);
  assert.equal(state.issued, 2);
  assert.ok(!spkiOf(after.svid.privateKey).equals(spkiOf(before.svid.privateKey)));
});

test('callers of one entry at once share one request', async () => {
  const { state, svids } = await world();
  const all = await Promise.all(Array.from({ length: 100 }, () => svids.get(ENTRY)));
  assert.equal(state.issued, 1);
  assert.ok(all.every((held) => held === all[0]));
});

test('attack: a caller of an entry that was changed never gets the identity that is being issued for the old one', async () => {
  const { state, svids } = await world();
  let release = (): void => {};
  state.hold = new Promise((resolve) => {
    release = resolve;
  });
  const old = svids.get(ENTRY);
  state.uri = 'spiffe://bank-a/two';
  const changed = svids.get({ ...ENTRY, spiffeId: 'spiffe://bank-a/two' });
  release();
  assert.equal(`${(await old).svid.id}`, 'spiffe://bank-a/one');
  assert.equal(`${(await changed).svid.id}`, 'spiffe://bank-a/two');
});

test('while none can be issued the old SVID is given until it expires, and tried again soon', async () => {
  const { clock, state, svids } = await world();
  const before = await svids.get(ENTRY);
  state.fails = new Fault('IDENTITY_UNAVAILABLE', 'away');
  clock.advance(HOUR - 1);
  const kept = await svids.get(ENTRY);
  assert.equal(kept.svid, before.svid);
  assert.equal(kept.renewAt, before.svid.notAfter);
  clock.advance(1000);
  await assert.rejects(
    async () => svids.get(ENTRY),
    (error) => faultCode(error) === 'IDENTITY_UNAVAILABLE',
  );
  state.fails = undefined;
  assert.equal(`${(await svids.get(ENTRY)).svid.id}`, ENTRY.spiffeId);
});

test('an entry whose identity was changed is not served by the old SVID, also while none can be issued', async () => {
  const { state, svids } = await world();
  await svids.get(ENTRY);
  state.fails = new Fault('IDENTITY_UNAVAILABLE', 'away');
  await assert.rejects(
    async () => svids.get({ ...ENTRY, spiffeId: 'spiffe://bank-a/two' }),
    (error) => faultCode(error) === 'IDENTITY_UNAVAILABLE',
  );
});

test('a bundle that says more keeps the SVID; one that taints its authority, or holds it no more, calls for another', async () => {
  const { state, svids } = await world();
  const held = await svids.get(ENTRY);
  state.sequence++;
  assert.equal(await svids.get(ENTRY), held);
  state.tainted = [parseCertificate(held.svid.chain[0] ?? Buffer.alloc(0)).authorityKeyId?.toString('hex') ?? ''];
  state.fails = new Fault('IDENTITY_UNAVAILABLE', 'away');
  // It still verifies: better than none.
  assert.equal((await svids.get(ENTRY)).svid, held.svid);
  state.fails = undefined;
  await svids.get(ENTRY);
  assert.equal(state.issued, 2);
  state.tainted = [];
  state.revoked = true;
  await assert.rejects(async () => svids.get(ENTRY));
});

test('refuses an SVID of another identity than the entry says, and keeps none of an entry that is gone', async () => {
  const { state, svids } = await world();
  await svids.get(ENTRY);
  assert.equal(svids.size, 1);
  svids.keep(() => false);
  assert.equal(svids.size, 0);
  state.uri = 'spiffe://bank-a/another';
  await assert.rejects(
    async () => svids.get(ENTRY),
    (error) => faultCode(error) === 'IDENTITY_UNAVAILABLE',
  );
});
