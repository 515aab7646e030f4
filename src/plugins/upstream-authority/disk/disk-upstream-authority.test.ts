import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Authority, makeCaCertificate } from '#authority';
import { faultCode, ManualClock, systemRandom } from '#kernel';
import { MemoryKeyManager, memoryJournal } from '#plugins/key-manager/memory';
import { parseTrustDomain, parseX509Bundle, SpiffeId, verifyX509Svid } from '#spiffe';
import { type Certificate, keyId, parseCertificate, pemCertificates } from '#x509';
import { DiskUpstreamAuthority } from './index.ts';

const trustDomain = parseTrustDomain('bank-a');
const id = SpiffeId.parse('spiffe://bank-a/account-service');
const HOUR = 3_600_000;
const MINUTE = 60_000;
const holder = spkiOf(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey);

interface Ca {
  readonly key: KeyObject;
  readonly certificate: Certificate;
}

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

async function newCa(clock: ManualClock, above?: Ca, namedCurve = 'prime256v1', days = 90): Promise<Ca> {
  const key = generateKeyPairSync('ec', { namedCurve }).privateKey;
  const signer = above?.key ?? key;
  const is384 = signer.asymmetricKeyDetails?.namedCurve === 'secp384r1';
  const request = { uri: 'spiffe://bank-a', spki: spkiOf(key), ttlSeconds: days * 86_400, clock, random: systemRandom };
  const der = await makeCaCertificate(request, {
    ...(above === undefined ? {} : { subject: above.certificate.subjectDer }),
    keyId: above?.certificate.subjectKeyId ?? keyId(spkiOf(key)),
    scheme: is384 ? 'ecdsa-sha384' : 'ecdsa-sha256',
    sign: (data) => sign(is384 ? 'sha384' : 'sha256', data, signer),
  });
  return { key, certificate: parseCertificate(der) };
}

interface House {
  readonly clock: ManualClock;
  readonly upstream: DiskUpstreamAuthority;
  /** Replaces what is in the files. */
  write(signer: Ca, chain: readonly Ca[], roots: readonly Ca[]): void;
  authority(): Promise<Authority>;
}

async function withFiles(run: (house: House) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'upstream-'));
  const at = (name: string): string => join(directory, name);
  const clock = new ManualClock();
  const files = { certFile: at('cert.pem'), keyFile: at('key.pem'), bundleFile: at('bundle.pem') };
  const upstream = new DiskUpstreamAuthority({ trustDomain, ...files, clock, random: systemRandom });
  const pem = (cas: readonly Ca[]): string => pemCertificates(cas.map(({ certificate }) => certificate.der));
  const opened: Authority[] = [];
  try {
    await run({
      clock,
      upstream,
      write: (signer, chain, roots) => {
        writeFileSync(files.certFile, pem(chain));
        writeFileSync(files.keyFile, signer.key.export({ type: 'pkcs8', format: 'pem' }));
        writeFileSync(files.bundleFile, pem(roots));
      },
      authority: async () => {
        const ports = { keyManager: new MemoryKeyManager(), journal: memoryJournal(), clock, random: systemRandom };
        const authority = new Authority({ ...ports, trustDomain, caTtlSeconds: 24 * 3600, upstream });
        opened.push(authority);
        await authority.ready();
        return authority;
      },
    });
  } finally {
    for (const authority of opened) await authority.close();
    rmSync(directory, { recursive: true });
  }
}

async function issue(authority: Authority, clock: ManualClock): Promise<readonly Buffer[]> {
  const { chain } = await authority.issueX509Svid({ id, publicKeySpki: holder, ttlSeconds: 3600 });
  const bundles = new Map([[trustDomain, parseX509Bundle(authority.bundle())]]);
  assert.equal(`${verifyX509Svid({ chain, bundles, at: clock.now() }).id}`, `${id}`);
  return chain;
}

const idOf = ({ certificate }: Ca): string => certificate.subjectKeyId?.toString('hex') ?? '';
const code = (expected: string) => (error: unknown) => faultCode(error) === expected || assert.fail(`${error}`);

test('a CA below a root in a file: the bundle holds the root, SVIDs come with the intermediate', () =>
  withFiles(async ({ clock, write, authority: open }) => {
    const root = await newCa(clock);
    write(root, [root], [root]);
    const authority = await open();
    assert.deepEqual(authority.bundle().x509Authorities, [root.certificate.der.toString('base64')]);
    const chain = await issue(authority, clock);
    assert.equal(chain.length, 2);
    assert.equal(authority.states('x509')[0]?.upstreamAuthorityId, idOf(root));
    // Tokens are signed by keys of its own all the same.
    await authority.issueJwtSvid({ id, audience: ['a'], ttlSeconds: 60 });
  }));

test('below an intermediate the chain holds both, and what is issued ends no later than any of them', () =>
  withFiles(async ({ clock, write, authority: open }) => {
    const root = await newCa(clock, undefined, 'secp384r1');
    const middle = await newCa(clock, root, 'prime256v1', 0.25);
    write(middle, [middle], [root]);
    const authority = await open();
    assert.equal((await issue(authority, clock)).length, 3);
    assert.ok((authority.caNotAfter ?? 0) <= middle.certificate.notAfter);
    const below = await authority.issueDownstreamCa({ publicKeySpki: holder, ttlSeconds: 24 * 3600 });
    assert.equal(below.chain.length, 3);
    assert.ok(below.notAfter <= middle.certificate.notAfter);
  }));

test('a new root in the files is in the bundle before anything is signed below it; the old one leaves after its last CA', () =>
  withFiles(async ({ clock, write, authority: open }) => {
    const [one, two] = [await newCa(clock), await newCa(clock)];
    write(one, [one], [one]);
    const authority = await open();
    const roots = () => authority.bundle().x509Authorities.length;
    write(two, [two], [two]);
    clock.advance(MINUTE);
    await authority.rotateIfDue();
    assert.equal(roots(), 2);
    assert.equal(authority.states('x509')[0]?.upstreamAuthorityId, idOf(one));
    for (let hour = 0; hour < 30; hour++) {
      clock.advance(HOUR);
      await authority.rotateIfDue();
      await issue(authority, clock);
    }
    assert.equal(roots(), 1);
    assert.ok(authority.states('x509').every(({ upstreamAuthorityId }) => upstreamAuthorityId === idOf(two)));
  }));

test('taint and revoke of an upstream: not above the active CA; a revoked root does not come back though the files have it', () =>
  withFiles(async ({ clock, write, authority: open }) => {
    const [one, two] = [await newCa(clock), await newCa(clock)];
    write(one, [one], [one]);
    const authority = await open();
    const local = authority.states('x509')[0]?.id ?? '';
    await assert.rejects(authority.taintUpstream(idOf(one)), code('AUTHORITY_STATE_INVALID'));
    await assert.rejects(authority.taintUpstream('unknown'), code('NOT_FOUND'));
    write(two, [two], [one, two]);
    await authority.activate('x509', (await authority.prepare('x509')).id);
    await assert.rejects(authority.taint('x509', local), code('AUTHORITY_STATE_INVALID'));
    await assert.rejects(authority.revokeUpstream(idOf(one)), code('AUTHORITY_STATE_INVALID'));
    await authority.taintUpstream(idOf(one));
    assert.deepEqual(authority.bundle().taintedX509Authorities, [idOf(one)]);
    await authority.revokeUpstream(idOf(one));
    clock.advance(MINUTE);
    await authority.rotateIfDue();
    assert.deepEqual(authority.bundle().x509Authorities, [two.certificate.der.toString('base64')]);
    assert.deepEqual(authority.bundle().taintedX509Authorities, []);
    await issue(authority, clock);
  }));

test('files that do not fit together are refused, and what is already signed goes on', () =>
  withFiles(async ({ clock, write, upstream, authority: open }) => {
    const [root, other] = [await newCa(clock), await newCa(clock)];
    await assert.rejects(open(), code('UPSTREAM_AUTHORITY_UNAVAILABLE'));
    write(other, [root], [root]);
    await assert.rejects(upstream.bundle(), code('UPSTREAM_AUTHORITY_UNAVAILABLE'));
    write(root, [root], []);
    await assert.rejects(upstream.bundle(), code('UPSTREAM_AUTHORITY_UNAVAILABLE'));
    // The signer is not below the root that it comes with.
    write(root, [root], [other]);
    await assert.rejects(open(), code('UPSTREAM_AUTHORITY_UNAVAILABLE'));
    write(root, [root], [root]);
    const authority = await open();
    write(other, [root], [root]);
    clock.advance(13 * HOUR);
    await assert.rejects(authority.rotateIfDue(), code('UPSTREAM_AUTHORITY_UNAVAILABLE'));
    await issue(authority, clock);
    write(root, [root], [root]);
    await authority.rotateIfDue();
    assert.deepEqual(
      authority.states('x509').map(({ state }) => state),
      ['active', 'prepared'],
    );
  }));
