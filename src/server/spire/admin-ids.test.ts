import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { type Forged, forge } from '../../../test/forge/certificate.ts';
import { type Spire, withSpire } from './spire.harness.ts';

const DAY = 86_400_000;
const times = { notBefore: Date.now() - DAY, notAfter: Date.now() + DAY };
const partner = forge({ ca: true, uris: ['spiffe://partner.example'], ...times });
const identity = (id: string, root: Forged = partner) => {
  const { der, key } = forge({ uris: [id], ...times }, root);
  return { chain: [der], key };
};
const adminIds = { 'bank-a': ['spiffe://bank-a/operator', 'spiffe://partner.example/operator'] };
const code = (error: unknown) =>
  ['CALLER_NOT_AUTHORIZED', 'AGENT_NOT_ACTIVE', 'PEER_TRUST_DOMAIN_UNKNOWN'].includes(faultCode(error) ?? '');
const count = (spire: Spire, who: Parameters<Spire['tls']>[1]) =>
  spire.tls(EntryDefinition, who).countEntries({ filter: undefined });

async function knowPartner(spire: Spire, ca: Forged = partner): Promise<void> {
  const bundle = {
    ...(await spire.local(BundleDefinition).getBundle({ outputMask: undefined })),
    trustDomain: 'partner.example',
    x509Authorities: [{ asn1: ca.der, tainted: false }],
    jwtAuthorities: [],
    witAuthorities: [],
  };
  await spire.local(BundleDefinition).batchSetFederatedBundle({ bundle: [bundle], outputMask: undefined });
}

test('an id that the configuration names is an operator over TLS without an entry; another, and an agent’s method, is refused', () =>
  withSpire(
    async (spire) => {
      const operator = await spire.mint('/operator');
      assert.deepEqual(await count(spire, operator), { count: 0 });
      await assert.rejects(count(spire, await spire.mint('/operator2')), code);
      await assert.rejects(spire.tls(AgentDefinition, operator).renewAgent({ params: undefined }), code);
    },
    { adminIds },
  ));

test('an operator of another trust domain is proven by the bundle that is known of it, and by no other', () =>
  withSpire(
    async (spire) => {
      const operator = identity('spiffe://partner.example/operator');
      await assert.rejects(count(spire, operator), code);
      await knowPartner(spire);
      assert.deepEqual(await count(spire, operator), { count: 0 });
      await assert.rejects(count(spire, identity('spiffe://partner.example/other')), code);
      await assert.rejects(spire.tls(AgentDefinition, operator).renewAgent({ params: undefined }), code);
      // A partner that signs an id of ours, and a stranger that signs one of the partner's.
      await assert.rejects(count(spire, identity('spiffe://bank-a/operator')), code);
      const stranger = forge({ ca: true, uris: ['spiffe://partner.example'], ...times });
      await assert.rejects(count(spire, identity('spiffe://partner.example/operator', stranger)), code);
      await spire.local(BundleDefinition).batchDeleteFederatedBundle({ trustDomains: ['partner.example'], mode: 0 });
      await assert.rejects(count(spire, operator), code);
    },
    { adminIds },
  ));

test('without a word of the configuration nobody of another trust domain is an operator', () =>
  withSpire(async (spire) => {
    await knowPartner(spire);
    await assert.rejects(count(spire, identity('spiffe://partner.example/operator')), code);
    await assert.rejects(count(spire, await spire.mint('/operator')), code);
  }));
