import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeAttestorContract } from '#attestation';
import { faultCode, ManualClock, systemRandom } from '#kernel';
import { pemCertificates } from '#x509';
import { type Forged, type Forgery, forge, NOW } from '../../../../test/forge/certificate.ts';
import { X509popAttestor, type X509popOptions, x509popEvidence } from './index.ts';
import { respond } from './proof.ts';

const ROOT = forge({ ca: true, subject: 'nodes' });
const never = new AbortController().signal;
const respondToX509pop = (key: KeyObject, challenge: Buffer) =>
  respond(key, challenge, Buffer.from(systemRandom.bytes(32)));
const x509popPayload = (chain: readonly Buffer[]) =>
  Buffer.from(JSON.stringify({ certificates: chain.map((der) => der.toString('base64')) }));

function attestor(naming: X509popOptions['naming'] = { by: 'fingerprint' }): X509popAttestor {
  return new X509popAttestor({
    authorities: () => [ROOT.der],
    naming,
    clock: new ManualClock(NOW),
    random: systemRandom,
  });
}

function caseOf(forgery: Forgery, issuer: Forged = ROOT, naming?: X509popOptions['naming']) {
  const leaf = forge(forgery, issuer);
  const attest = (key = leaf.key) =>
    attestor(naming).attest(
      {
        trustDomain: 'bank-a',
        payload: x509popPayload([leaf.der]),
        challenge: async (challenge) => respondToX509pop(key, Buffer.from(challenge)),
      },
      never,
    );
  return { leaf, attest };
}

const refused = (error: unknown) => faultCode(error) === 'ATTESTATION_FAILED';

const KEYS = {
  'P-256': generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
};
for (const [kind, { privateKey: key }] of Object.entries(KEYS)) {
  const leaf = forge({ key }, ROOT);
  nodeAttestorContract(`x509pop with a key of ${kind}`, () => ({
    attestor: attestor(),
    payload: x509popPayload([leaf.der]),
    respond: (challenge) => respondToX509pop(key, challenge),
  }));
}

test('the agent is named by its certificate, and its selectors say what was verified', async () => {
  const uris = ['x509pop://bank-a/rack/4/b', 'x509pop://bank-b/rack/5'];
  const { path, selectors, canReattest } = await caseOf({ subject: 'node-1', uris }).attest();
  assert.match(path, /^\/spire\/agent\/x509pop\/[0-9a-f]{40}$/);
  assert.equal(canReattest, true);
  const values = selectors.map((selector) => selector.slice('x509pop:'.length));
  assert.equal(values[0], 'subject:cn:node-1');
  assert.match(values[1] ?? '', /^ca:fingerprint:[0-9a-f]{40}$/);
  assert.match(values[2] ?? '', /^serialnumber:([0-9a-f]{2})+$/);
  assert.deepEqual(values.slice(3), ['san:rack:4/b']);
});

test('another authority, an expired certificate, one that may not sign, a key that is another’s: refused', async () => {
  await assert.rejects(caseOf({}, forge({ ca: true, subject: 'nodes' })).attest(), refused);
  await assert.rejects(caseOf({ notAfter: NOW - 1000 }).attest(), refused);
  await assert.rejects(caseOf({ keyUsage: ['cRLSign'] }).attest(), refused);
  await assert.rejects(caseOf({ keyUsage: 'absent' }).attest(), refused);
  await assert.rejects(caseOf({}).attest(forge({}).key), refused);
});

test('in mode spiffe the agent has the path of its SVID below the prefix, and only there', async () => {
  const naming = { by: 'spiffe', prefix: '/spire-exchange' } as const;
  const { path } = await caseOf({ uris: ['spiffe://bank-a/spire-exchange/node/1'] }, ROOT, naming).attest();
  assert.equal(path, '/spire/agent/x509pop/node/1');
  for (const uri of ['spiffe://bank-a/spire-exchangers/1', 'spiffe://bank-a/web', 'spiffe://bank-b/spire-exchange/1'])
    await assert.rejects(caseOf({ uris: [uri] }, ROOT, naming).attest(), refused);
  await assert.rejects(caseOf({}, ROOT, naming).attest(), refused);
});

test('the agent’s side reads certificate and key from files, each time anew', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pop-'));
  try {
    const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    const source = x509popEvidence({ certFile, keyFile, random: systemRandom });
    await assert.rejects(source.payload(never), (error) => faultCode(error) === 'CONFIG_UNREADABLE');
    const leaf = forge({}, ROOT);
    writeFileSync(certFile, pemCertificates([leaf.der]));
    writeFileSync(keyFile, leaf.key.export({ type: 'pkcs8', format: 'pem' }));
    const payload = await source.payload(never);
    const challenge = (bytes: Uint8Array) => source.respond(Buffer.from(bytes), never);
    const { path } = await attestor().attest({ trustDomain: 'bank-a', payload, challenge }, never);
    assert.match(path, /^\/spire\/agent\/x509pop\//);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
