import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { LocalAuthorityDefinition } from '#wire/gen/spire/api/server/localauthority';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { newKey, spiffeId, withSpire } from './spire.harness.ts';

const code = (expected: string) => (error: unknown) => faultCode(error) === expected;

const witRequest = () => {
  const publicKey = createPublicKey(newKey()).export({ type: 'spki', format: 'der' });
  return { id: spiffeId('/minted'), publicKey, ttl: 60, signingAlgorithm: 'ES256' };
};

for (const kind of ['X509', 'JWT', 'WIT'] as const)
  test(`a key of kind ${kind} is prepared, activated, and the old one tainted and revoked; nothing else moves`, () =>
    withSpire(async (spire) => {
      const client = spire.local(LocalAuthorityDefinition);
      const bundles = spire.local(BundleDefinition);
      const authorities = async () => {
        const { x509Authorities, jwtAuthorities, witAuthorities } = await bundles.getBundle({ outputMask: undefined });
        return { X509: x509Authorities, JWT: jwtAuthorities, WIT: witAuthorities }[kind];
      };
      // There is no WIT key before the first WIT-SVID.
      if (kind === 'WIT') await spire.local(SVIDDefinition).mintWITSVID(witRequest());
      const first = (await client[`get${kind}AuthorityState`]({})).active?.authorityId ?? '';
      const { preparedAuthority } = await client[`prepare${kind}Authority`]({});
      const next = preparedAuthority?.authorityId ?? '';
      assert.equal((await authorities()).length, 2);
      await assert.rejects(client[`activate${kind}Authority`]({ authorityId: '' }), code('ARGUMENT_INVALID'));
      await assert.rejects(client[`activate${kind}Authority`]({ authorityId: 'ab' }), code('ARGUMENT_INVALID'));
      await assert.rejects(client[`taint${kind}Authority`]({ authorityId: first }), code('ARGUMENT_INVALID'));
      await assert.rejects(client[`taint${kind}Authority`]({ authorityId: next }), code('ARGUMENT_INVALID'));
      await assert.rejects(client[`revoke${kind}Authority`]({ authorityId: next }), code('ARGUMENT_INVALID'));
      await client[`activate${kind}Authority`]({ authorityId: next });
      const state = await client[`get${kind}AuthorityState`]({});
      assert.deepEqual([state.active?.authorityId, state.prepared, state.old?.authorityId], [next, undefined, first]);
      await assert.rejects(client[`revoke${kind}Authority`]({ authorityId: first }), code('AUTHORITY_STATE_INVALID'));
      await client[`taint${kind}Authority`]({ authorityId: first });
      assert.deepEqual(
        (await authorities()).map(({ tainted }) => tainted),
        [true, false],
      );
      await client[`revoke${kind}Authority`]({ authorityId: first });
      assert.equal((await authorities()).length, 1);
      await assert.rejects(client[`revoke${kind}Authority`]({ authorityId: next }), code('ARGUMENT_INVALID'));
    }));

test('without an upstream authority there is none to taint or to revoke: the state is wrong, not the id', () =>
  withSpire(async (spire) => {
    const client = spire.local(LocalAuthorityDefinition);
    for (const method of ['taintX509UpstreamAuthority', 'revokeX509UpstreamAuthority'] as const)
      await assert.rejects(client[method]({ subjectKeyId: 'ab' }), code('AUTHORITY_STATE_INVALID'));
  }));
