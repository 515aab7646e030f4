import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import type { AgentRecord } from '#registry';
import { parseTrustDomain, SpiffeId, type VerifiedX509Svid } from '#spiffe';
import { parseCertificate } from '#x509';
import { forge, NOW } from '../../test/forge/certificate.ts';
import { currentAgent, type SyncCaller } from './access.ts';

const ID = SpiffeId.of(parseTrustDomain('bank-a'), '/spire/agent/join_token/x');
const leaf = parseCertificate(forge({ uris: [`${ID}`] }).der);
const AGENT: AgentRecord = {
  id: `${ID}`,
  trustDomain: 'bank-a',
  attestationType: 'join_token',
  selectors: [],
  canReattest: false,
  banned: false,
  serial: leaf.serial,
  expiresAt: NOW + 1,
};
const verified = { id: ID, leaf, notAfter: NOW + 1 } as VerifiedX509Svid;
const CALLER: SyncCaller = { trustDomain: 'bank-a', peer: () => verified };

/** What this server knows, and what another one has written. */
function registry(known: AgentRecord | undefined, written: AgentRecord | undefined = known) {
  let present = known;
  let followed = 0;
  return {
    findAgent: () => present,
    followAgents: async () => {
      followed++;
      present = written;
    },
    followed: () => followed,
  };
}

const code = (expected: string) => (error: unknown) => faultCode(error) === expected;

test('an agent that another server has just admitted, or renewed, is known here when it calls', async () => {
  assert.equal(await currentAgent('renew', CALLER, registry(undefined, AGENT)), AGENT);
  const renewed = registry({ ...AGENT, serial: 'ab' }, AGENT);
  assert.equal(await currentAgent('renew', CALLER, renewed), AGENT);
});

test('an agent that is known costs no question; one that nobody knows is refused after one', async () => {
  const knowing = registry(AGENT);
  await currentAgent('renew', CALLER, knowing);
  assert.equal(knowing.followed(), 0);
  const ignorant = registry(undefined);
  await assert.rejects(currentAgent('renew', CALLER, ignorant), code('AGENT_NOT_ATTESTED'));
  assert.equal(ignorant.followed(), 1);
});

test('a banned agent, a replaced certificate, a caller without one and a method that is not for agents are refused', async () => {
  await assert.rejects(currentAgent('renew', CALLER, registry({ ...AGENT, banned: true })), code('AGENT_BANNED'));
  await assert.rejects(currentAgent('renew', CALLER, registry({ ...AGENT, serial: 'ab' })), code('AGENT_NOT_ATTESTED'));
  await assert.rejects(currentAgent('renew', { trustDomain: 'bank-a' }, registry(AGENT)), code('AGENT_NOT_ATTESTED'));
  await assert.rejects(currentAgent('attest', CALLER, registry(AGENT)), code('AGENT_NOT_AUTHORIZED'));
  const expired: SyncCaller = { trustDomain: 'bank-a', peer: () => assert.fail('expired') };
  await assert.rejects(currentAgent('renew', expired, registry(AGENT)), code('AGENT_NOT_ATTESTED'));
});
