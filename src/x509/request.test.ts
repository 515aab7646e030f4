import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { DerReader, TAG } from './der-reader.ts';
import { bits, sequence } from './der-writer.ts';
import { createCertificateRequest, parseCertificateRequest, verifyCertificateRequest } from './request.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const request = createCertificateRequest(privateKey);
const refused = (der: Uint8Array, what?: string): void =>
  assert.throws(
    () => parseCertificateRequest(der),
    (error) => faultCode(error) === 'CSR_INVALID',
    what,
  );

test('a request that was made is read, with its key and no names', () => {
  const read = parseCertificateRequest(request);
  assert.deepEqual(read.spki, publicKey.export({ type: 'spki', format: 'der' }));
  assert.deepEqual([read.uriSans, read.dnsNames], [[], []]);
});

test('RFC 2986 §4.2: rejects a request that another key signed', () => {
  const body = new DerReader(request).enter(TAG.sequence);
  const info = body.read(TAG.sequence).encoding;
  const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
  const algorithm = body.read(TAG.sequence).encoding;
  refused(sequence(info, algorithm, bits(sign('sha256', info, other))));
  parseCertificateRequest(sequence(info, algorithm, bits(sign('sha256', info, privateKey))));
});

test('rejects any flipped byte, any truncation, any byte after the end', () => {
  for (let index = 0; index < request.length; index++) {
    const flipped = Buffer.from(request);
    flipped[index] = (flipped[index] ?? 0) ^ 1;
    refused(flipped, `byte ${index}`);
    refused(request.subarray(0, index), `length ${index}`);
  }
  refused(Buffer.concat([request, Buffer.from([0])]));
});

test('rejects a request over 16 KiB before it is read', () => refused(Buffer.alloc(16 * 1024 + 1)));

test('off the main thread the answer is the same', async () => {
  const { spki, uriSans } = await verifyCertificateRequest(request);
  assert.deepEqual([spki, uriSans], [publicKey.export({ type: 'spki', format: 'der' }), []]);
  const flipped = Buffer.from(request);
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  for (const bad of [flipped, request.subarray(1), Buffer.alloc(16 * 1024 + 1)])
    await assert.rejects(verifyCertificateRequest(bad), (error) => faultCode(error) === 'CSR_INVALID');
});
