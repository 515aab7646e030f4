import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { faultCode, systemRandom } from '#kernel';
import { BackendReader } from './backend-reader.ts';
import { parseErrorFields } from './error-fields.ts';
import { FrontendReader } from './frontend-reader.ts';
import { int32, message, queryMessage } from './messages.ts';
import { ScramClient, scramVerifier } from './scram.ts';
import { parseStartup } from './startup.ts';

test('messages are the same however the bytes are cut', () => {
  const messages = fc.array(fc.tuple(fc.constantFrom('Q', 'P', 'Z', 'D'), fc.uint8Array({ maxLength: 40 })), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(messages, fc.integer({ min: 1, max: 13 }), (parts, size) => {
      const whole = Buffer.concat(parts.map(([type, body]) => message(type, Buffer.from(body))));
      const frontend = new FrontendReader();
      const backend = new BackendReader(['Z']);
      const [read, passed]: [Buffer[], Buffer[]] = [[], []];
      for (let at = 0; at < whole.length; at += size) {
        const chunk = whole.subarray(at, at + size);
        for (const { bytes } of frontend.push(chunk)) read.push(Buffer.from(bytes));
        for (const { bytes } of backend.push(chunk)) passed.push(Buffer.from(bytes));
      }
      assert.equal(read.length, parts.length);
      assert.deepEqual(Buffer.concat(read), whole);
      assert.deepEqual(Buffer.concat(passed), whole);
    }),
  );
});

test('a length below four or above the limit is refused before its body comes', () => {
  for (const length of [0, 3, 16 * 1024 * 1024 + 1, 0xffff_ffff]) {
    const read = (): unknown => [...new FrontendReader().push(Buffer.concat([Buffer.from('Q'), int32(length)]))];
    assert.throws(read, (error) => faultCode(error) === 'LIMIT_EXCEEDED');
  }
  assert.equal([...new FrontendReader().push(queryMessage('x'))].length, 1);
});

test('startup messages of garbage are faults, never another error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        parseStartup(Buffer.from(bytes));
      } catch (error) {
        assert.equal(faultCode(error), 'ARGUMENT_INVALID');
      }
      parseErrorFields(Buffer.from(bytes));
    }),
  );
});

test('a doubled parameter of a startup message is refused', () => {
  const body = Buffer.concat([int32(196_608), Buffer.from('user\0a\0user\0b\0\0')]);
  assert.throws(
    () => parseStartup(body),
    (error) => faultCode(error) === 'ARGUMENT_INVALID',
  );
});

test('a later minor version and unknown protocol options are negotiated down', () => {
  const body = Buffer.concat([int32(196_610), Buffer.from('user\0a\0_pq_.x\0y\0\0')]);
  const startup = parseStartup(body);
  assert.equal(startup.kind === 'start' && startup.negotiation?.toString('latin1', 0, 1), 'v');
});

test('SCRAM refuses a nonce that is not ours, too many rounds, and a server that does not prove itself', () => {
  const salt = Buffer.from('salt').toString('base64');
  for (const first of [`r=other,s=${salt},i=4096`, 'garbage', '']) {
    const client = new ScramClient('p', systemRandom);
    client.first();
    assert.throws(
      () => client.final(first),
      (error) => faultCode(error) === 'DATABASE_UNAVAILABLE',
    );
  }
  const client = new ScramClient('p', systemRandom);
  const nonce = client.first().split('r=')[1] ?? '';
  for (const [given, rounds] of [
    [nonce, 4096],
    [`${nonce}x`, 9_999_999],
    [`${nonce}x`, 0],
  ] as const) {
    assert.throws(
      () => client.final(`r=${given},s=${salt},i=${rounds}`),
      (error) => faultCode(error) === 'DATABASE_UNAVAILABLE',
    );
  }
  client.final(`r=${nonce}x,s=${salt},i=4096`);
  for (const last of [`v=${salt}`, 'e=other-error', '']) {
    assert.throws(
      () => client.verify(last),
      (error) => faultCode(error) === 'DATABASE_UNAVAILABLE',
    );
  }
});

test('what the server keeps of a password has the form of PostgreSQL', () => {
  assert.match(scramVerifier('p', systemRandom), /^SCRAM-SHA-256\$4096:[\w+/=]{24}\$[\w+/=]{44}:[\w+/=]{44}$/);
});
