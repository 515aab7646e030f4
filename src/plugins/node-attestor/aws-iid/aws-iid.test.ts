import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { nodeAttestorContract } from '#attestation';
import { faultCode } from '#kernel';
import { AwsIidAttestor } from './index.ts';

const DOCUMENT = {
  accountId: '123456789012',
  region: 'eu-west-1',
  instanceId: 'i-0123456789abcdef0',
  availabilityZone: 'eu-west-1b',
  imageId: 'ami-1',
};
const directory = mkdtempSync(join(tmpdir(), 'aws-'));
after(() => rmSync(directory, { recursive: true }));

/** Somebody with a key and a certificate, who signs as AWS does: CMS in BER with indefinite lengths, the content inside. */
function signer(name: string) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const [key, cert] = [join(directory, `${name}.key`), join(directory, `${name}.pem`)];
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  openssl('req', '-x509', '-key', key, '-out', cert, '-subj', '/CN=aws', '-days', '2');
  const cms = (text: string, ...options: readonly string[]): string => {
    const file = join(directory, 'document');
    writeFileSync(file, text);
    const args = ['-sign', '-binary', '-nodetach', '-stream', '-md', 'sha256', '-outform', 'DER', ...options];
    return openssl('cms', ...args, '-signer', cert, '-inkey', key, '-in', file).toString('base64');
  };
  const plain = (text: string) => sign('sha256', Buffer.from(text), privateKey).toString('base64');
  return { certificate: readFileSync(cert, 'utf8'), cms, plain };
}

function openssl(...args: readonly string[]): Buffer {
  return execFileSync('/usr/bin/openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
}

const AWS = signer('aws');
const OTHER = signer('other');
const TEXT = JSON.stringify(DOCUMENT);
const attestor = new AwsIidAttestor({
  certificates: { 'eu-west-1': [AWS.certificate], 'us-east-1': [OTHER.certificate] },
  accounts: ['123456789012'],
});
const payloadOf = (fields: object) => Buffer.from(JSON.stringify({ document: TEXT, ...fields }));
const attest = (fields: object) =>
  attestor.attest({
    trustDomain: 'bank-a',
    payload: payloadOf(fields),
    challenge: () => assert.fail('nothing is asked'),
  });
const refused = (error: unknown) => faultCode(error) === 'ATTESTATION_FAILED';
const malformed = (error: unknown) => faultCode(error) === 'ARGUMENT_INVALID';

for (const [form, fields] of [
  ['PKCS#7', { rsa2048: AWS.cms(TEXT) }],
  ['PKCS#7 without signed attributes', { rsa2048: AWS.cms(TEXT, '-noattr') }],
  ['PKCS#7 in DER', { rsa2048: AWS.cms(TEXT, '-nocerts', '-noindef') }],
  ['plain RSA', { signature: AWS.plain(TEXT) }],
] as const) {
  nodeAttestorContract(`aws_iid, ${form}`, () => ({ attestor, payload: payloadOf(fields) }));

  test(`${form}: an instance is named by account, region and id`, async () => {
    const node = await attest(fields);
    assert.equal(node.path, '/spire/agent/aws_iid/123456789012/eu-west-1/i-0123456789abcdef0');
    assert.equal(node.canReattest, false);
    assert.ok(node.selectors.includes('aws_iid:az:eu-west-1b'));
  });
}

test('attack: a document beside the signed one does not count', async () => {
  const forged = JSON.stringify({ ...DOCUMENT, instanceId: 'i-ffffffffffffffff0' });
  const { path } = await attest({ document: forged, rsa2048: AWS.cms(TEXT) });
  assert.ok(path.endsWith('i-0123456789abcdef0'));
  await assert.rejects(attest({ document: forged, signature: AWS.plain(TEXT) }), refused);
});

test('a signature of another, of another region’s key, or of changed bytes is refused', async () => {
  await assert.rejects(attest({ rsa2048: signer('stranger').cms(TEXT) }), refused);
  await assert.rejects(attest({ rsa2048: OTHER.cms(TEXT) }), refused);
  const changed = Buffer.from(AWS.cms(TEXT), 'base64');
  const at = changed.indexOf('i-0123456789');
  changed[at + 3] = 0x39;
  await assert.rejects(attest({ rsa2048: changed.toString('base64') }), refused);
});

test('an account that is not listed, an id that is none, no signature at all', async () => {
  const signed = (more: object) => attest({ rsa2048: AWS.cms(JSON.stringify({ ...DOCUMENT, ...more })) });
  await assert.rejects(signed({ accountId: '999999999999' }), refused);
  await assert.rejects(signed({ instanceId: '../server' }), refused);
  await assert.rejects(signed({ region: 'us-east-1' }), refused);
  await assert.rejects(attest({}), malformed);
});

test('a signed message cut short at any place is refused and never more than that', async () => {
  const whole = Buffer.from(AWS.cms(TEXT), 'base64');
  for (let end = 0; end < whole.length; end += 7)
    await assert.rejects(attest({ rsa2048: whole.subarray(0, end).toString('base64') || 'AA==' }), (error) =>
      ['ARGUMENT_INVALID', 'ATTESTATION_FAILED'].includes(faultCode(error) ?? ''),
    );
});
