import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCode, LIMITS } from '#kernel';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { Entry } from '#wire/gen/spire/api/types';
import { createCertificateRequest, parseCertificate } from '#x509';
import { newKey, spiffeId, withSpire } from './spire.harness.ts';

const code = (expected: string) => (error: unknown) => faultCode(error) === expected;
const EMPTY = Entry.decode(new Uint8Array());

/** A request with names, by OpenSSL: our own clients ask for keys only. */
const requestFor = (...names: readonly string[]): Buffer => requestAs('/', ...names);

function requestAs(subject: string, ...names: readonly string[]): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'csr-'));
  try {
    const key = join(directory, 'key.pem');
    writeFileSync(key, newKey().export({ type: 'pkcs8', format: 'pem' }));
    const out = join(directory, 'csr.der');
    const san = names.length === 0 ? [] : ['-addext', `subjectAltName=${names.join(',')}`];
    execFileSync('/usr/bin/openssl', [
      'req',
      '-new',
      '-key',
      key,
      '-utf8',
      '-subj',
      subject,
      '-outform',
      'DER',
      '-out',
      out,
      ...san,
    ]);
    return readFileSync(out);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('a minted certificate says what its request asked, within the names of workloads', () =>
  withSpire(async (spire) => {
    const client = spire.local(SVIDDefinition);
    const csr = requestFor('URI:spiffe://bank-a/minted', 'DNS:minted.local');
    const { svid } = await client.mintX509SVID({ csr, ttl: 60 });
    assert.equal(svid?.id?.path, '/minted');
    assert.deepEqual(parseCertificate(svid?.certChain[0] ?? Buffer.alloc(0)).dnsNames, ['minted.local']);
    assert.ok(Number(svid?.expiresAt) <= Date.now() / 1000 + 60);
    for (const [request, expected] of [
      [Buffer.alloc(0), 'ARGUMENT_INVALID'],
      [Buffer.from('junk'), 'CSR_INVALID'],
      [requestFor(), 'CSR_INVALID'],
      [requestFor('URI:spiffe://bank-a/a', 'URI:spiffe://bank-a/b'), 'CSR_INVALID'],
      [requestFor('URI:spiffe://bank-b/a'), 'CSR_INVALID'],
      [requestFor('URI:spiffe://bank-a'), 'CSR_INVALID'],
      [requestFor('URI:spiffe://bank-a/spire/server'), 'CSR_INVALID'],
      [requestFor('URI:spiffe://bank-a/user/1'), 'CSR_INVALID'],
      [requestFor('URI:https://bank-a/a'), 'CSR_INVALID'],
      [requestFor('URI:spiffe://bank-a/a', 'DNS:*.x.local', 'DNS:a.x.local'), 'CSR_INVALID'],
    ] as const)
      await assert.rejects(client.mintX509SVID({ csr: request, ttl: 0 }), code(expected));
  }));

test('the subject of a minted certificate is the one that its request asks for, with the first DNS name as common name; as SPIRE does', () =>
  withSpire(async (spire) => {
    const client = spire.local(SVIDDefinition);
    const subjectOf = async (subject: string, ...names: readonly string[]) => {
      const csr = requestAs(subject, 'URI:spiffe://bank-a/minted', ...names);
      const { svid } = await client.mintX509SVID({ csr, ttl: 60 });
      return new X509Certificate(svid?.certChain[0] ?? Buffer.alloc(0)).subject.split('\n');
    };
    assert.deepEqual(await subjectOf('/'), ['C=US', 'O=SPIRE']);
    assert.deepEqual(await subjectOf('/', 'DNS:a.local', 'DNS:b.local'), ['C=US', 'O=SPIRE', 'CN=a.local']);
    const asked = '/CN=db/O=Bänk/C=DE/OU=one/OU=two/emailAddress=root@bank.example';
    assert.deepEqual(await subjectOf(asked), ['C=DE', 'O=Bänk', 'OU=one', 'OU=two', 'CN=db']);
    assert.deepEqual(await subjectOf('/CN=db/O=Bank', 'DNS:a.local'), ['O=Bank', 'CN=a.local']);
    assert.deepEqual(await subjectOf('/emailAddress=root@bank.example'), ['C=US', 'O=SPIRE']);
    const many = Array.from({ length: LIMITS.subjectAttributes.value + 1 }, (_, at) => `/OU=unit ${at}`).join('');
    for (const refused of [many, '/O=line\u0007bell'])
      await assert.rejects(subjectOf(refused), code('ARGUMENT_INVALID'));
  }));

test('a batch is issued in its order, for the entries of the agent alone, and never beyond the burst', () =>
  withSpire(
    async (spire) => {
      const entry = (id: string, parent: string): Entry => ({
        ...EMPTY,
        id,
        hint: `hint-${id}`,
        spiffeId: spiffeId(`/${id}`),
        parentId: spiffeId(parent),
        selectors: [{ type: 'unix', value: 'uid:1' }],
      });
      await spire.local(EntryDefinition).batchCreateEntry({
        entries: [entry('a', '/node/one'), entry('b', '/node/one'), entry('c', '/node/two')],
        outputMask: undefined,
      });
      const client = spire.tls(SVIDDefinition, await spire.attest('/node/one'));
      const csr = createCertificateRequest(newKey());
      const { results } = await client.batchNewX509SVID({
        params: [
          { entryId: 'b', csr },
          { entryId: 'c', csr },
          { entryId: 'a', csr: Buffer.from('junk') },
          { entryId: '', csr },
          { entryId: 'a', csr },
        ],
      });
      assert.deepEqual(
        results.map(({ status, svid }) => [status?.code, svid?.id?.path, svid?.hint]),
        [
          [0, '/b', 'hint-b'],
          [5, undefined, undefined],
          [3, undefined, undefined],
          [3, undefined, undefined],
          [0, '/a', 'hint-a'],
        ],
      );
      const params = Array.from({ length: 6 }, () => ({ entryId: 'a', csr }));
      await assert.rejects(client.batchNewX509SVID({ params }), code('RATE_LIMITED'));
    },
    { rateLimits: { attestation: 0, x509: 5 } },
  ));

test('tokens are minted for workloads’ ids, and issued for the entries of the agent alone', () =>
  withSpire(async (spire) => {
    const operator = spire.local(SVIDDefinition);
    const id = spiffeId('/minted');
    const publicKey = createPublicKey(newKey()).export({ type: 'spki', format: 'der' });
    const { svid: jwt } = await operator.mintJWTSVID({ id, audience: ['a', 'b'], ttl: 60 });
    assert.deepEqual(claims(jwt?.token).aud, ['a', 'b']);
    assert.equal(Number(jwt?.expiresAt) - Number(jwt?.issuedAt), 60);
    const { svid: wit } = await operator.mintWITSVID({ id, publicKey, ttl: 60, signingAlgorithm: 'ES256' });
    assert.equal(claims(wit?.token).sub, 'spiffe://bank-a/minted');
    for (const call of [
      operator.mintJWTSVID({ id, audience: [], ttl: 0 }),
      operator.mintJWTSVID({ id: undefined, audience: ['a'], ttl: 0 }),
      operator.mintJWTSVID({ id: spiffeId('/spire/server'), audience: ['a'], ttl: 0 }),
      operator.mintJWTSVID({ id: spiffeId('/user/1'), audience: ['a'], ttl: 0 }),
      operator.mintJWTSVID({ id, audience: ['a'], ttl: -1 }),
      operator.mintWITSVID({ id, publicKey, ttl: 60, signingAlgorithm: 'none' }),
    ])
      await assert.rejects(call, code('ARGUMENT_INVALID'));
    await assert.rejects(operator.mintWITSVID({ id, publicKey: Buffer.from('x'), ttl: 60, signingAlgorithm: 'ES256' }));
    const entry = {
      ...EMPTY,
      id: 'web',
      spiffeId: spiffeId('/web'),
      parentId: spiffeId('/node/one'),
      selectors: [{ type: 'unix', value: 'uid:1' }],
      jwtSvidTtl: 30,
    };
    await spire.local(EntryDefinition).batchCreateEntry({ entries: [entry], outputMask: undefined });
    const client = spire.tls(SVIDDefinition, await spire.attest('/node/one'));
    const { svid } = await client.newJWTSVID({ entryId: 'web', audience: ['a'] });
    assert.equal(claims(svid?.token).sub, 'spiffe://bank-a/web');
    assert.equal(Number(svid?.expiresAt) - Number(svid?.issuedAt), 30);
    await assert.rejects(client.newJWTSVID({ entryId: 'other', audience: ['a'] }), code('NOT_FOUND'));
    await assert.rejects(client.newJWTSVID({ entryId: 'web', audience: [] }), code('ARGUMENT_INVALID'));
    const { results } = await client.batchNewWITSVID({
      params: [
        { entryId: 'web', publicKey, signingAlgorithm: 'ES256' },
        { entryId: 'other', publicKey, signingAlgorithm: 'ES256' },
      ],
    });
    assert.deepEqual(
      results.map(({ status }) => status?.code),
      [0, 5],
    );
  }));

function claims(token = ''): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}
