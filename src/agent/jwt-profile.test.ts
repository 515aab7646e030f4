import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, faultCode, ManualClock, systemClock } from '#kernel';
import { createClient } from '#rpc';
import { parseBundle, parseTrustDomain, verifyJwtSvid, verifyWitSvid } from '#spiffe';
import { AuthoritiesDefinition } from '#wire/gen/hauberk_authorities';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { entry, first, type House, until, withHouse } from './agent.harness.ts';
import { TokenVerifier } from './token-verifier.ts';

const SERVICE = 'spiffe://bank-a/service';
const BANK = 'spiffe://bank-a';
const refused = (code: string, grpcStatus: number) => (error: unknown) =>
  error instanceof Fault && error.code === code && error.details.grpcStatus === grpcStatus;
const jwks = (json: Uint8Array | string | undefined) =>
  parseBundle(`${Buffer.from(json ?? '')}`, parseTrustDomain('bank-a'));
const apply = ({ admin }: House, name: string, more: object) => {
  const document = { ...entry(name), spec: { ...entry(name).spec, ...more } };
  return admin.apply({ documentsJson: [JSON.stringify(document)], dryRun: false });
};

test('A-13, A-14: one JWT-SVID an identity for all audiences asked for, verifiable by the JWT bundle, the same until half its life', () =>
  withHouse(async (house) => {
    const client = house.workload(SpiffeWorkloadAPIDefinition);
    await apply(house, 'second', { hint: 'second' });
    await until(async () => (await client.fetchJWTSVID({ audience: ['a'], spiffeId: '' })).svids.length === 2);
    const audience = ['ledger', 'vault'];
    const { svids } = await client.fetchJWTSVID({ audience, spiffeId: '' });
    const { bundles } = await first(client.fetchJWTBundles({}));
    const set = new Map([['bank-a', jwks(bundles[BANK]).jwt]]);
    for (const { svid, spiffeId } of svids)
      for (const one of audience)
        assert.equal(`${verifyJwtSvid({ token: svid, audience: one, bundles: set, at: Date.now() }).id}`, spiffeId);
    assert.deepEqual(svids.map(({ hint }) => hint).sort(), ['', 'second']);
    // The order of audiences decides nothing.
    const again = await client.fetchJWTSVID({ audience: ['vault', 'ledger'], spiffeId: SERVICE });
    assert.deepEqual(
      again.svids.map(({ svid }) => svid),
      svids.filter(({ spiffeId }) => spiffeId === SERVICE).map(({ svid }) => svid),
    );
    for (const [bad, code, status] of [
      [{ audience: [], spiffeId: '' }, 'ARGUMENT_INVALID', 3],
      [{ audience: ['a', ''], spiffeId: '' }, 'ARGUMENT_INVALID', 3],
      [{ audience: ['a'], spiffeId: 'bank-a/service' }, 'ARGUMENT_INVALID', 3],
      [{ audience: ['a'], spiffeId: 'spiffe://bank-a/nobody' }, 'IDENTITY_NO_ENTRY', 7],
      [{ audience: Array.from({ length: 33 }, (_, at) => `${at}`), spiffeId: '' }, 'LIMIT_EXCEEDED', 8],
    ] as const)
      await assert.rejects(client.fetchJWTSVID({ ...bad, audience: [...bad.audience] }), refused(code, status));
  }));

test('a JWT-SVID with a jti is never given twice', () =>
  withHouse(async (house) => {
    const client = house.workload(SpiffeWorkloadAPIDefinition);
    const token = async () => (await client.fetchJWTSVID({ audience: ['a'], spiffeId: SERVICE })).svids[0]?.svid;
    assert.equal(await token(), await token());
    await apply(house, 'service', { jwtSvidJti: true });
    await until(async () => {
      const before = await token();
      return (await token()) !== before;
    });
  }));

test('A-15, A-20: JWT bundles hold JWT keys only and WIT bundles WIT keys only, own and federated trust domains, none without kid', () =>
  withHouse(async ({ workload }) => {
    const client = workload(SpiffeWorkloadAPIDefinition);
    await first(client.fetchWITSVID({ spiffeId: SERVICE }));
    const jwt = (await first(client.fetchJWTBundles({}))).bundles;
    const wit = (await first(client.fetchWITBundles({}))).bundles;
    for (const [bundles, use] of [
      [jwt, 'jwt-svid'],
      [wit, 'wit-svid'],
    ] as const) {
      assert.deepEqual(Object.keys(bundles).sort(), [BANK, 'spiffe://platform.example']);
      for (const [name, json] of Object.entries(bundles)) {
        const { keys } = JSON.parse(`${Buffer.from(json)}`);
        assert.ok(keys.length > 0 || name !== BANK);
        for (const key of keys) assert.ok(key.use === use && key.kid !== '' && key.d === undefined);
      }
    }
  }));

test('A-20: a WIT-SVID verifies, is bound to the private key that comes with it, and is asked for by id', () =>
  withHouse(async ({ workload }) => {
    const client = workload(SpiffeWorkloadAPIDefinition);
    const { svids } = await first(client.fetchWITSVID({ spiffeId: SERVICE }));
    const [svid] = svids;
    assert.ok(svid !== undefined && svids.length === 1);
    const bundles = new Map([['bank-a', jwks((await first(client.fetchWITBundles({}))).bundles[BANK]).wit]]);
    const { id, confirmation } = verifyWitSvid({ token: svid.witSvid, bundles, at: Date.now() });
    const key = JSON.parse(svid.witSvidKey);
    const { x, y } = confirmation.key.key.export({ format: 'jwk' });
    assert.deepEqual([`${id}`, key.x, key.y, key.alg, typeof key.d], [SERVICE, x, y, 'ES256', 'string']);
    await assert.rejects(
      first(client.fetchWITSVID({ spiffeId: 'spiffe://bank-a/nobody' })),
      refused('IDENTITY_NO_ENTRY', 7),
    );
  }));

test('A-16, A-17: ValidateJWTSVID gives id and claims, and refuses another audience, other bytes and a missing field as invalid', () =>
  withHouse(async ({ workload }) => {
    const client = workload(SpiffeWorkloadAPIDefinition);
    const [{ svid } = { svid: '' }] = (await client.fetchJWTSVID({ audience: ['a'], spiffeId: '' })).svids;
    for (let round = 0; round < 2; round++) {
      const { spiffeId, claims } = await client.validateJWTSVID({ audience: 'a', svid });
      assert.deepEqual([spiffeId, claims?.sub, claims?.aud], [SERVICE, SERVICE, ['a']]);
      assert.equal(typeof claims?.exp, 'number');
      await assert.rejects(client.validateJWTSVID({ audience: 'b', svid }), refused('TOKEN_AUDIENCE_MISMATCH', 3));
    }
    const at = svid.length - 40;
    const flipped = `${svid.slice(0, at)}${svid[at] === 'A' ? 'B' : 'A'}${svid.slice(at + 1)}`;
    await assert.rejects(
      client.validateJWTSVID({ audience: 'a', svid: flipped }),
      refused('TOKEN_SIGNATURE_INVALID', 3),
    );
    await assert.rejects(client.validateJWTSVID({ audience: '', svid }), refused('ARGUMENT_INVALID', 3));
    await assert.rejects(client.validateJWTSVID({ audience: 'a', svid: '' }), refused('ARGUMENT_INVALID', 3));
  }));

test('a tainted JWT key: the next token is of another; once it is revoked its tokens are refused, also those known already', () =>
  withHouse(async (house) => {
    const authorities = createClient(AuthoritiesDefinition, { socketPath: house.server.adminSocket });
    const trustDomain = 'bank-a';
    const client = house.workload(SpiffeWorkloadAPIDefinition);
    const token = async () => (await client.fetchJWTSVID({ audience: ['a'], spiffeId: '' })).svids[0]?.svid ?? '';
    const old = await token();
    await client.validateJWTSVID({ audience: 'a', svid: old });
    const shown = (await authorities.show({ trustDomain })).authorities;
    const change = (authorityId: string) => ({ trustDomain, kind: 'jwt', authorityId });
    const { authority } = await authorities.prepare({ trustDomain, kind: 'jwt' });
    await authorities.activate(change(authority?.id ?? ''));
    const used = shown.find(({ kind }) => kind === 'jwt')?.id ?? '';
    await authorities.taint(change(used));
    await until(async () => (await token()) !== old);
    await client.validateJWTSVID({ audience: 'a', svid: old });
    await authorities.revoke(change(used));
    await until(() =>
      client.validateJWTSVID({ audience: 'a', svid: old }).then(
        () => false,
        (error) => faultCode(error) === 'TOKEN_KEY_UNKNOWN',
      ),
    );
    await authorities.close();
  }));

test('while the server is away the token that is held is given, and new audiences are refused', () =>
  withHouse(async ({ workload, server }) => {
    const client = workload(SpiffeWorkloadAPIDefinition);
    const { svids } = await client.fetchJWTSVID({ audience: ['a'], spiffeId: '' });
    await server.close();
    assert.deepEqual((await client.fetchJWTSVID({ audience: ['a'], spiffeId: '' })).svids, svids);
    await assert.rejects(client.fetchJWTSVID({ audience: ['b'], spiffeId: '' }));
  }));

test('a token that is known expires all the same, and is looked at anew when the clock was set back', () =>
  withHouse(async ({ workload }) => {
    const client = workload(SpiffeWorkloadAPIDefinition);
    const [{ svid } = { svid: '' }] = (await client.fetchJWTSVID({ audience: ['a'], spiffeId: '' })).svids;
    const bundles = new Map([['bank-a', jwks((await first(client.fetchJWTBundles({}))).bundles[BANK]).jwt]]);
    const clock = new ManualClock(systemClock.now());
    const verifier = new TokenVerifier(clock);
    const { expiresAt } = verifier.verify(svid, 'a', bundles);
    clock.advance(expiresAt * 1000 - clock.now() - 1);
    verifier.verify(svid, 'a', bundles);
    clock.advance(1);
    assert.throws(
      () => verifier.verify(svid, 'a', bundles),
      (error) => faultCode(error) === 'TOKEN_EXPIRED',
    );
    assert.throws(
      () => verifier.verify(svid, 'a', new Map()),
      (error) => faultCode(error) === 'TOKEN_TRUST_DOMAIN_UNKNOWN',
    );
  }));
