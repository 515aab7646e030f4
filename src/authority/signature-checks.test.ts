import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { faultCode, ManualClock } from '#kernel';
import { MemoryKeyManager, memoryJournal } from '#plugins/key-manager/memory';
import {
  parseJwtBundle,
  parseX509Bundle,
  verifyJwtSvid,
  verifyMadeJwtSvid,
  verifyMadeX509Svid,
  verifyX509Svid,
} from '#spiffe';
import { parseCertificate } from '#x509';
import { id, newAuthority, newSpki, trustDomain } from './authority.harness.ts';
import type { Authority } from './index.ts';
import { SignatureChecks } from './signature-checks.ts';

/** Signs with another key from the moment that it is told to. */
class Faulty extends MemoryKeyManager {
  override readonly signsHere: boolean;
  broken = false;
  readonly #other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;

  constructor(signsHere: boolean) {
    super();
    this.signsHere = signsHere;
  }

  override sign(name: string, data: Uint8Array): Buffer | Promise<Buffer> {
    return this.broken ? sign('sha256', data, { key: this.#other, dsaEncoding: 'der' }) : super.sign(name, data);
  }
}

const KINDS = {
  x509: (authority: Authority) => authority.issueX509Svid({ id, publicKeySpki: newSpki(), ttlSeconds: 60 }),
  jwt: (authority: Authority) => authority.issueJwtSvid({ id, audience: ['a'], ttlSeconds: 60 }),
} as const;

async function refusals(authority: Authority, kind: keyof typeof KINDS, count: number): Promise<number> {
  let refused = 0;
  for (let turn = 0; turn < count; turn++)
    await KINDS[kind](authority).catch((error) => {
      assert.equal(faultCode(error), 'IDENTITY_UNAVAILABLE');
      refused++;
    });
  return refused;
}

for (const kind of ['x509', 'jwt'] as const) {
  test(`attack: a key manager elsewhere that signs with another key gives out no ${kind} SVID`, async () => {
    const keys = new Faulty(false);
    const authority = await newAuthority(new ManualClock(), keys);
    assert.equal(await refusals(authority, kind, 3), 0);
    keys.broken = true;
    assert.equal(await refusals(authority, kind, 130), 130);
    await authority.close();
  });

  test(`the first ${kind} SVID of a key that signs here is verified: a wrong key gives out none`, async () => {
    const keys = new Faulty(true);
    const authority = await newAuthority(new ManualClock(), keys);
    await authority.use(kind);
    keys.broken = true;
    assert.equal(await refusals(authority, kind, 130), 130);
    keys.broken = false;
    assert.equal(await refusals(authority, kind, 65), 0);
    await authority.close();
  });

  test(`a key that signs ${kind} SVIDs here and breaks later is found within 64, and gives out none from then on`, async () => {
    const keys = new Faulty(true);
    const authority = await newAuthority(new ManualClock(), keys);
    assert.equal(await refusals(authority, kind, 10), 0);
    keys.broken = true;
    const refused = await refusals(authority, kind, 200);
    assert.ok(refused >= 200 - 63, `${refused} of 200`);
    await authority.close();
  });

  test(`after a bundle was published anew the first ${kind} SVID is verified again`, async () => {
    const keys = new Faulty(true);
    const authority = await newAuthority(new ManualClock(), keys);
    assert.equal(await refusals(authority, kind, 2), 0);
    await authority.prepare(kind === 'x509' ? 'jwt' : 'x509');
    keys.broken = true;
    assert.equal(await refusals(authority, kind, 10), 10);
    await authority.close();
  });
}

test('keys of two kinds that sign in turn are each sampled, and each owes its own', () => {
  const checks = new SignatureChecks({ signsHere: true });
  const bundle = {};
  const slots = ['jwt', 'wit'].map((keyName) => ({ keyName, keyType: 'ec-p256' as const }));
  const due = (): number[] =>
    slots.map((slot) => {
      const isDue = checks.isDue(slot, bundle);
      if (isDue) checks.held(slot);
      return Number(isDue);
    });
  assert.deepEqual(due(), [1, 1]);
  const counts = [0, 0];
  for (let turn = 0; turn < 640; turn++) for (const [at, one] of due().entries()) counts[at] = (counts[at] ?? 0) + one;
  assert.deepEqual(counts, [10, 10]);
  checks.failed({ keyName: 'jwt' });
  const after = Array.from({ length: 63 }, due);
  assert.ok(after.every(([jwt]) => jwt === 1) && after.some(([, wit]) => wit === 0));
});

test('RSA signatures are all verified: one that is faulty would give the key away', async () => {
  const keys = new Faulty(true);
  const authority = await newAuthority(new ManualClock(), keys, memoryJournal(), { keyType: 'rsa-2048' });
  assert.equal(await refusals(authority, 'jwt', 2), 0);
  keys.broken = true;
  assert.equal(await refusals(authority, 'jwt', 10), 10);
  await authority.close();
});

test('an authority that does not verify its signature still judges all the rest of what it made', async () => {
  const clock = new ManualClock();
  const [one, other] = [await newAuthority(clock), await newAuthority(clock)];
  const { chain } = await one.issueX509Svid({ id, publicKeySpki: newSpki(), ttlSeconds: 60 });
  const leaf = parseCertificate(chain[0] ?? Buffer.alloc(0));
  const issuer = parseCertificate(Buffer.from(one.bundle().x509Authorities[0] ?? '', 'base64'));
  const bundles = new Map([[trustDomain, parseX509Bundle(one.bundle())]]);
  const at = clock.now();
  const made = { issuer, signedPart: leaf.tbs };
  const judged = (question: object, more: object = {}) => {
    try {
      return `${verifyMadeX509Svid({ chain, bundles, at, ...question }, { ...made, ...more }).id}`;
    } catch (error) {
      return faultCode(error);
    }
  };
  assert.equal(judged({}), `${id}`);
  assert.equal(judged({}, { signedPart: leaf.der }), 'PEER_CERTIFICATE_INVALID');
  assert.equal(judged({ at: at + 61_000 }), 'PEER_CERTIFICATE_EXPIRED');
  assert.equal(judged({ chain: [] }), 'PEER_CERTIFICATE_INVALID');
  assert.equal(judged({ bundles: new Map() }), 'PEER_TRUST_DOMAIN_UNKNOWN');
  assert.equal(judged({ bundles: new Map([[trustDomain, parseX509Bundle(other.bundle())]]) }), 'PEER_CHAIN_UNTRUSTED');
  // The signature of whoever else made it is looked at, and whoever else asks looks at it.
  const foreign = parseCertificate(Buffer.from(other.bundle().x509Authorities[0] ?? '', 'base64'));
  const forged = Buffer.from(leaf.der);
  forged[forged.length - 5] = (forged.at(-5) ?? 0) ^ 1;
  assert.equal(judged({ chain: [forged] }, { issuer: foreign }), 'PEER_CHAIN_UNTRUSTED');
  assert.throws(
    () => verifyX509Svid({ chain: [forged], bundles, at }),
    (error) => faultCode(error) === 'PEER_CHAIN_UNTRUSTED',
  );
});

test('a JWT-SVID that was made says what was signed, by a key of its bundle', async () => {
  const clock = new ManualClock();
  const [one, other] = [await newAuthority(clock), await newAuthority(clock)];
  const { token } = await one.issueJwtSvid({ id, audience: ['a'], ttlSeconds: 60 });
  const input = token.slice(0, token.lastIndexOf('.'));
  const of = (authority: Authority) => new Map([[trustDomain, parseJwtBundle(authority.bundle())]]);
  const question = { token, audience: 'a', bundles: of(one), at: clock.now() };
  assert.ok(verifyMadeJwtSvid(question, input).id.equals(id));
  const refused = (more: object, signed = input) => {
    try {
      return `${verifyMadeJwtSvid({ ...question, ...more }, signed).id}`;
    } catch (error) {
      return faultCode(error);
    }
  };
  assert.equal(refused({}, `${input}x`), 'TOKEN_SIGNATURE_INVALID');
  assert.equal(refused({ bundles: of(other) }), 'TOKEN_KEY_UNKNOWN');
  assert.equal(refused({ audience: 'b' }), 'TOKEN_AUDIENCE_MISMATCH');
  assert.equal(refused({ at: clock.now() + 61_000 }), 'TOKEN_EXPIRED');
  assert.ok(verifyJwtSvid(question).id.equals(id));
});
