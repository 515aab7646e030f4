import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type KeyManager, keyManagerContract } from '#authority';
import { faultCode, ManualClock, Secret } from '#kernel';
import { ACCESS_KEY_ID, FakeKms, MESSAGES, SECRET } from './fake-kms.harness.ts';
import { AwsKmsKeyManager, sharedCredentials, signRequest } from './index.ts';

const clock = new ManualClock();
const credentials = { accessKeyId: ACCESS_KEY_ID, secretAccessKey: new Secret(SECRET) };
const code = (expected: string) => (error: unknown) => faultCode(error) === expected || assert.fail(`${error}`);

async function withKms(run: (kms: FakeKms, manager: KeyManager) => Promise<void>): Promise<void> {
  const kms = await FakeKms.start();
  const options = { region: 'eu-central-1', endpoint: kms.endpoint, clock, group: 'bank-a' };
  try {
    await run(kms, new AwsKmsKeyManager({ ...options, credentials: async () => credentials }));
  } finally {
    await kms.close();
  }
}

function announce(...messages: readonly string[]): void {
  for (const message of messages)
    for (const hash of ['sha256', 'sha384'])
      MESSAGES.set(createHash(hash).update(message).digest('hex'), Buffer.from(message));
}

test('a request is signed as in AWS’s own example', () => {
  const headers = signRequest(
    {
      method: 'GET',
      host: 'iam.amazonaws.com',
      path: '/',
      query: 'Action=ListUsers&Version=2010-05-08',
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body: '',
    },
    { region: 'us-east-1', service: 'iam', credentials, now: Date.UTC(2015, 7, 30, 12, 36) },
  );
  assert.equal(
    headers.authorization?.split('Signature=')[1],
    '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  );
});

test('keys in KMS keep the contract', () =>
  withKms(async (_, manager) => {
    announce('signed part', 'other');
    await keyManagerContract(async () => manager, ['ec-p256', 'ec-p384', 'rsa-2048']);
  }));

test('servers of one group share their keys; a deleted key is scheduled, with its alias gone at once', () =>
  withKms(async (kms, manager) => {
    const options = { region: 'eu-central-1', endpoint: kms.endpoint, clock, credentials: async () => credentials };
    const spki = await manager.generate('one', 'ec-p256');
    assert.ok((await new AwsKmsKeyManager({ ...options, group: 'bank-a' }).find('one'))?.equals(spki));
    assert.equal(await new AwsKmsKeyManager({ ...options, group: 'bank-b' }).find('one'), undefined);
    await manager.delete('one');
    assert.deepEqual([kms.aliases.size, kms.scheduled.length], [0, 1]);
  }));

test('of two that make a key of one name one wins, and the other’s key does not stay behind', () =>
  withKms(async (kms, manager) => {
    const options = { region: 'eu-central-1', endpoint: kms.endpoint, clock, group: 'bank-a' };
    const other = new AwsKmsKeyManager({ ...options, credentials: async () => credentials });
    const outcomes = await Promise.allSettled([manager.generate('one', 'ec-p256'), other.generate('one', 'ec-p256')]);
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal(kms.keys.size, 1);
  }));

test('wrong credentials, a service that is away and names that KMS would not take are faults of their own', () =>
  withKms(async (kms, manager) => {
    const options = { region: 'eu-central-1', endpoint: kms.endpoint, clock, group: 'bank-a' };
    const wrong = { ...credentials, secretAccessKey: new Secret('wrong') };
    const stranger = new AwsKmsKeyManager({ ...options, credentials: async () => wrong });
    await assert.rejects(stranger.find('one'), code('KEY_SERVICE_UNAVAILABLE'));
    assert.deepEqual(kms.seen, []);
    await assert.rejects(manager.generate('../one', 'ec-p256'), code('ARGUMENT_INVALID'));
    await kms.close();
    await assert.rejects(manager.find('one'), code('KEY_SERVICE_UNAVAILABLE'));
  }));

test('credentials are read from AWS’s shared file, of the profile that is named', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'aws-'));
  const path = join(directory, 'credentials');
  const text =
    '[default]\naws_access_key_id = A\naws_secret_access_key = B\n[x]\naws_access_key_id=C\naws_secret_access_key=D\naws_session_token=E\n';
  writeFileSync(path, text);
  assert.equal((await sharedCredentials(path)()).accessKeyId, 'A');
  const { sessionToken, secretAccessKey } = await sharedCredentials(path, 'x')();
  assert.deepEqual([secretAccessKey.reveal(), sessionToken?.reveal()], ['D', 'E']);
  await assert.rejects(sharedCredentials(path, 'y'), code('CONFIG_UNREADABLE'));
  rmSync(directory, { recursive: true });
});
