import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { publicJwk } from '#jws';
import { faultCode, ManualClock, systemRandom } from '#kernel';
import { DiskKeyManager, diskJournal } from '#plugins/key-manager/disk';
import { MemoryKeyManager, memoryJournal } from '#plugins/key-manager/memory';
import {
  parseJwtBundle,
  parseWitBundle,
  parseX509Bundle,
  SpiffeId,
  verifyJwtSvid,
  verifyWitSvid,
  verifyX509Svid,
} from '#spiffe';
import { parseCertificate } from '#x509';
import { HOUR, id, newAuthority, newSpki, trustDomain } from './authority.harness.ts';
import { Authority, journalContract, KEY_TYPES, keyManagerContract } from './index.ts';

/** Lets rotations that the clock started come to their end. */
async function settle(authority: Authority): Promise<void> {
  await authority.rotateIfDue();
}

test('issues an X509-SVID that verifies and that OpenSSL reads', async () => {
  const authority = await newAuthority(new ManualClock());
  const issued = await authority.issueX509Svid({
    id,
    publicKeySpki: newSpki(),
    ttlSeconds: 3600,
    dnsNames: ['bank.localhost'],
  });
  const leaf = issued.chain[0] ?? Buffer.alloc(0);
  const read = new X509Certificate(leaf);
  assert.equal(read.subjectAltName, 'URI:spiffe://bank-a/account-service, DNS:bank.localhost');
  assert.ok(
    read.verify(new X509Certificate(Buffer.from(authority.bundle().x509Authorities[0] ?? '', 'base64')).publicKey),
  );
  await authority.close();
});

test('the serial that an issued certificate is known by is the one that is read from it, leading zeros or not', async () => {
  const authority = await newAuthority(new ManualClock());
  for (let turn = 0; turn < 40; turn++) {
    const { chain, serial } = await authority.issueX509Svid({ id, publicKeySpki: newSpki(), ttlSeconds: 60 });
    assert.equal(serial, parseCertificate(chain[0] ?? Buffer.alloc(0)).serial);
  }
  await authority.close();
});

test('the first DNS name is the common name too, as in SPIRE, where it fits into one', async () => {
  const authority = await newAuthority(new ManualClock());
  const subject = async (...dnsNames: readonly string[]): Promise<string> => {
    const { chain } = await authority.issueX509Svid({ id, publicKeySpki: newSpki(), ttlSeconds: 60, dnsNames });
    return new X509Certificate(chain[0] ?? '').subject;
  };
  assert.equal(await subject('web.local', 'other.local'), 'C=US\nO=SPIRE\nCN=web.local');
  assert.equal(await subject('*.web.local'), 'C=US\nO=SPIRE\nCN=*.web.local');
  assert.equal(await subject(`${'a'.repeat(60)}.local`, 'web.local'), 'C=US\nO=SPIRE');
  assert.equal(await subject(), 'C=US\nO=SPIRE');
  await authority.close();
});

test('ID-13: issues an id of 2048 bytes', async () => {
  const authority = await newAuthority(new ManualClock());
  const long = SpiffeId.parse(`spiffe://bank-a/${'x'.repeat(2048 - 16)}`);
  const { chain } = await authority.issueX509Svid({ id: long, publicKeySpki: newSpki(), ttlSeconds: 60 });
  assert.equal(chain.length, 1);
});

test('refuses ids of another trust domain and of the trust domain itself', async () => {
  const authority = await newAuthority(new ManualClock());
  for (const wrong of ['spiffe://bank-b/x', 'spiffe://bank-a']) {
    const request = { id: SpiffeId.parse(wrong), publicKeySpki: newSpki(), ttlSeconds: 60 };
    await assert.rejects(authority.issueX509Svid(request), (error) => faultCode(error) === 'SPIFFE_ID_INVALID');
  }
});

test('a lifetime never exceeds the authority that signs', async () => {
  const authority = await newAuthority(new ManualClock());
  const { notAfter } = await authority.issueX509Svid({ id, publicKeySpki: newSpki(), ttlSeconds: 30 * 24 * 3600 });
  assert.ok(notAfter <= (authority.caNotAfter ?? 0));
});

test('F-1: the next CA is in the bundle before it signs, and every SVID verifies at every moment of three days', async () => {
  const clock = new ManualClock();
  const authority = await newAuthority(clock);
  let published = authority.bundle();
  authority.onBundleChange((bundle) => {
    published = bundle;
  });
  for (let hour = 0; hour < 72; hour++) {
    const seen = parseX509Bundle(published);
    const { chain } = await authority.issueX509Svid({ id, publicKeySpki: newSpki(), ttlSeconds: 3600 });
    verifyX509Svid({ chain, bundles: new Map([[trustDomain, seen]]), at: clock.now() });
    clock.advance(HOUR);
    await settle(authority);
    const later = parseX509Bundle(published);
    verifyX509Svid({ chain, bundles: new Map([[trustDomain, later]]), at: clock.now() - 1000 });
  }
  assert.ok(published.sequence > 3);
  await authority.close();
});

test('the sequence of the bundle goes on from what was published, also on a journal that a backup brought back', async () => {
  const clock = new ManualClock();
  const [keys, journal] = [new MemoryKeyManager(), memoryJournal()];
  const first = await newAuthority(clock, keys, journal);
  await first.close();
  const published = first.bundle().sequence + 1000;
  const restored = await newAuthority(clock, keys, journal, { sequenceFloor: published });
  assert.deepEqual(restored.bundle(), { ...first.bundle(), sequence: published });
  await restored.prepare('x509');
  assert.ok(restored.bundle().sequence > published);
  await restored.close();
});

test('heals at once when the clock jumped past the CA', async () => {
  const clock = new ManualClock();
  const authority = await newAuthority(clock);
  clock.jump(90 * 24 * HOUR);
  assert.ok(authority.trouble());
  const { chain } = await authority.issueX509Svid({ id, publicKeySpki: newSpki(), ttlSeconds: 3600 });
  verifyX509Svid({ chain, bundles: new Map([[trustDomain, parseX509Bundle(authority.bundle())]]), at: clock.now() });
  assert.equal(authority.bundle().x509Authorities.length, 1);
});

test('a restart keeps keys, bundle and sequence; files are private', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'authority-'));
  const clock = new ManualClock();
  const journal = diskJournal(join(directory, 'journal.json'));
  const first = await newAuthority(clock, await DiskKeyManager.open(join(directory, 'keys')), journal);
  const second = await newAuthority(clock, await DiskKeyManager.open(join(directory, 'keys')), journal);
  assert.deepEqual(second.bundle(), first.bundle());
  assert.equal(statSync(join(directory, 'journal.json')).mode & 0o777, 0o600);
  assert.equal(statSync(join(directory, 'keys')).mode & 0o777, 0o700);
  rmSync(directory, { recursive: true });
});

test('the key manager in memory keeps the contract', () => keyManagerContract(async () => new MemoryKeyManager()));

test('the journal in memory keeps the contract', () => {
  const kept = memoryJournal();
  return journalContract(async () => kept);
});

test('issues a JWT-SVID that verifies for each audience, with a jti only where one is asked for', async () => {
  const clock = new ManualClock();
  const authority = await newAuthority(clock);
  const bundles = new Map([[trustDomain, parseJwtBundle(authority.bundle())]]);
  const at = clock.now();
  const issued = await authority.issueJwtSvid({ id, audience: ['ledger', 'vault'], ttlSeconds: 300 });
  for (const audience of ['ledger', 'vault']) {
    const verified = verifyJwtSvid({ token: issued.token, audience, bundles, at });
    assert.deepEqual(
      { ...verified.claims },
      { sub: `${id}`, aud: ['ledger', 'vault'], iat: issued.issuedAt, exp: issued.issuedAt + 300 },
    );
  }
  const [one, two] = await Promise.all(
    [1, 2].map(() => authority.issueJwtSvid({ id, audience: ['ledger'], ttlSeconds: 300, jti: true })),
  );
  assert.notEqual(one?.token, two?.token);
  await assert.rejects(
    authority.issueJwtSvid({ id, audience: [], ttlSeconds: 300 }),
    (error) => faultCode(error) === 'ARGUMENT_INVALID',
  );
});

test('there is no WIT key in the bundle before the first WIT-SVID, nor after a restart', async () => {
  const clock = new ManualClock();
  const options = {
    trustDomain,
    keyManager: new MemoryKeyManager(),
    journal: memoryJournal(),
    clock,
    random: systemRandom,
  };
  const open = async (): Promise<Authority> => {
    const authority = new Authority({ ...options, caTtlSeconds: 86_400 });
    await authority.ready();
    return authority;
  };
  let authority = await open();
  assert.equal(authority.trouble(), undefined);
  assert.deepEqual(authority.bundle().witAuthorities, []);
  await authority.close();
  authority = await open();
  assert.deepEqual(authority.bundle().witAuthorities, []);
  const holder = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const jwk = { ...publicJwk(holder.publicKey), alg: 'ES256' };
  const { kid } = await authority.issueWitSvid({ id, publicJwk: jwk, ttlSeconds: 60 });
  assert.deepEqual(
    authority.bundle().witAuthorities.map((key) => key.kid),
    [kid],
  );
  await authority.close();
  assert.equal((await open()).bundle().witAuthorities[0]?.kid, kid);
});

test('issues a WIT-SVID for a public key, never for a private one or one that does not fit its algorithm', async () => {
  const clock = new ManualClock();
  const authority = await newAuthority(clock);
  const bundles = new Map([[trustDomain, parseWitBundle(authority.bundle())]]);
  const holder = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const issue = (jwk: object, alg: string) =>
    authority.issueWitSvid({ id, publicJwk: { ...publicJwk(holder.publicKey), ...jwk, alg }, ttlSeconds: 3600 });
  const { token } = await issue({}, 'ES256');
  const verified = verifyWitSvid({ token, bundles, at: clock.now() });
  assert.ok(verified.confirmation.key.key.equals(holder.publicKey));
  await assert.rejects(issue({ d: 'AA' }, 'ES256'), (error) => faultCode(error) === 'JWK_INVALID');
  await assert.rejects(issue({}, 'ES384'), (error) => faultCode(error) === 'ARGUMENT_INVALID');
  // The kinds have keys of their own: one is never verified by another's (J-12, W-12).
  const jwt = await authority.issueJwtSvid({ id, audience: ['a'], ttlSeconds: 60 });
  assert.throws(() => verifyWitSvid({ token: jwt.token, bundles, at: clock.now() }));
  const kids = [authority.bundle().jwtAuthorities, authority.bundle().witAuthorities].flat().map(({ kid }) => kid);
  assert.equal(new Set(kids).size, kids.length);
});

test('keys of every algorithm sign certificates and tokens that verify', async () => {
  for (const keyType of KEY_TYPES.filter((type) => type !== 'rsa-4096')) {
    const clock = new ManualClock();
    const authority = await newAuthority(clock, new MemoryKeyManager(), memoryJournal(), { keyType });
    await authority.issueX509Svid({ id, publicKeySpki: newSpki(), ttlSeconds: 60 });
    await authority.issueJwtSvid({ id, audience: ['a'], ttlSeconds: 60 });
    await authority.close();
  }
});
