import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { LocalAuthorityDefinition } from '#wire/gen/spire/api/server/localauthority';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { AgentMask } from '#wire/gen/spire/api/types';
import { createCertificateRequest, parseCertificate } from '#x509';
import { attestWith, collect, manualClock, newKey, spiffeId, withSpire } from './spire.harness.ts';

const code = (expected: string) => (error: unknown) => faultCode(error) === expected;
const NO_FILTER = {
  byAttestationType: '',
  bySelectorMatch: undefined,
  byBanned: undefined,
  byCanReattest: undefined,
  byExpiresBefore: '',
};
const csrOf = (key = newKey()) => ({ params: { csr: createCertificateRequest(key) } });

test('attestation asks for every part of its parameters by name', () =>
  withSpire(async (spire) => {
    const client = spire.tls(AgentDefinition);
    const { params: csr } = csrOf();
    const data = { type: 'join_token', payload: Buffer.from('x') };
    const attempts = [
      [undefined, 'ARGUMENT_INVALID'],
      [{ data: undefined, params: csr }, 'ARGUMENT_INVALID'],
      [{ data, params: undefined }, 'ARGUMENT_INVALID'],
      [{ data, params: { csr: Buffer.alloc(0) } }, 'ARGUMENT_INVALID'],
      [{ data: { ...data, type: '' }, params: csr }, 'ARGUMENT_INVALID'],
      [{ data: { ...data, payload: Buffer.alloc(0) }, params: csr }, 'ARGUMENT_INVALID'],
      [{ data, params: { csr: Buffer.from('junk') } }, 'CSR_INVALID'],
      [{ data: { ...data, type: 'nothing' }, params: csr }, 'ATTESTOR_UNKNOWN'],
      [{ data, params: csr }, 'AGENT_TOKEN_INVALID'],
    ] as const;
    for (const [params, expected] of attempts) {
      const requests = (async function* () {
        yield { params, challengeResponse: undefined };
      })();
      await assert.rejects(collect(client.attestAgent(requests)), code(expected));
    }
  }));

test('a join token makes one agent, once; a failed attempt does not burn it', () =>
  withSpire(async (spire) => {
    const operator = spire.local(AgentDefinition);
    await assert.rejects(operator.createJoinToken({ ttl: 0, token: '', agentId: undefined }), code('ARGUMENT_INVALID'));
    const { value } = await operator.createJoinToken({ ttl: 60, token: 'my-token', agentId: spiffeId('/node/one') });
    assert.equal(value, 'my-token');
    await assert.rejects(
      operator.createJoinToken({ ttl: 60, token: value, agentId: undefined }),
      code('ALREADY_EXISTS'),
    );
    const client = spire.tls(AgentDefinition);
    const bad = (async function* () {
      const data = { type: 'join_token', payload: Buffer.from(value) };
      yield { params: { data, params: { csr: Buffer.from('junk') } }, challengeResponse: undefined };
    })();
    await assert.rejects(collect(client.attestAgent(bad)), code('CSR_INVALID'));
    const attempts = await Promise.allSettled(
      Array.from({ length: 10 }, () => attestWith(client, 'join_token', Buffer.from(value))),
    );
    assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1);
    const { agents } = await operator.listAgents({
      filter: undefined,
      outputMask: undefined,
      pageSize: 0,
      pageToken: '',
    });
    assert.deepEqual(
      agents.map(({ id, attestationType, banned, canReattest }) => [id?.path, attestationType, banned, canReattest]),
      [['/spire/agent/join_token/my-token', 'join_token', false, false]],
    );
    assert.match(agents[0]?.x509svidSerialNumber ?? '', /^[1-9]\d+$/);
  }));

test('the old certificate is good until the new one has been used; then who still holds it is found out', () =>
  withSpire(async (spire) => {
    const agent = await spire.attest();
    const old = spire.tls(AgentDefinition, agent);
    const key = newKey();
    const { svid } = await old.renewAgent(csrOf(key));
    await old.postStatus({ currentBundleSerial: 0n, agentVersion: '1.2.3' });
    const renewed = spire.tls(AgentDefinition, { key, chain: svid?.certChain ?? [] });
    await renewed.postStatus({ currentBundleSerial: 0n, agentVersion: '1.2.4' });
    await assert.rejects(old.postStatus({ currentBundleSerial: 0n, agentVersion: '' }), code('AGENT_NOT_ACTIVE'));
    await assert.rejects(old.renewAgent(csrOf()), code('AGENT_NOT_ACTIVE'));
    const { id } = agent;
    const stored = await spire
      .local(AgentDefinition)
      .getAgent({ id: spiffeId(id.slice('spiffe://bank-a'.length)), outputMask: undefined });
    assert.equal(stored.agentVersion, '1.2.4');
    const serial = parseCertificate(svid?.certChain[0] ?? Buffer.alloc(0)).serial;
    assert.equal(stored.x509svidSerialNumber, BigInt(`0x${serial}`).toString());
    await assert.rejects(renewed.renewAgent({ params: undefined }), code('ARGUMENT_INVALID'));
    await assert.rejects(
      renewed.postStatus({ currentBundleSerial: 0n, agentVersion: 'v'.repeat(256) }),
      code('ARGUMENT_INVALID'),
    );
  }));

test('a ban ends the agent’s open connections at once, and refuses it with the reason that it must hear', () =>
  withSpire(async (spire) => {
    const agent = await spire.attest();
    const path = agent.id.slice('spiffe://bank-a'.length);
    const operator = spire.local(AgentDefinition);
    const entries = spire.tls(EntryDefinition, agent);
    let release = (): void => {};
    const held = collect(
      entries.syncAuthorizedEntries(
        (async function* () {
          yield { outputMask: undefined, ids: [] };
          await new Promise<void>((resolve) => (release = resolve));
        })(),
      ),
    ).catch((error) => error);
    await entries.getAuthorizedEntries({ outputMask: undefined });
    const client = spire.tls(AgentDefinition, agent);
    await client.postStatus({ currentBundleSerial: 0n, agentVersion: '' });
    await operator.banAgent({ id: spiffeId(path) });
    // The stream that was open has ended, one way or the other, without its client doing anything.
    await held;
    release();
    const refusal = await client.postStatus({ currentBundleSerial: 0n, agentVersion: '' }).catch((error) => error);
    const again = await spire
      .tls(AgentDefinition, agent)
      .postStatus({ currentBundleSerial: 0n, agentVersion: '' })
      .catch((error) => error);
    assert.ok(['AGENT_BANNED', 'UPSTREAM_UNAVAILABLE'].includes(faultCode(refusal) ?? ''));
    assert.equal(faultCode(again), 'AGENT_BANNED');
    assert.equal(again.details.grpcStatus, 7);
    const listed = await operator.listAgents({
      filter: { ...NO_FILTER, byBanned: true },
      outputMask: undefined,
      pageSize: 0,
      pageToken: '',
    });
    assert.equal(listed.agents.length, 1);
    assert.equal(listed.agents[0]?.x509svidSerialNumber, '');
  }));

test('an evicted agent is unknown; evicting and banning what is no agent is refused', () =>
  withSpire(async (spire) => {
    const agent = await spire.attest();
    const operator = spire.local(AgentDefinition);
    const id = spiffeId(agent.id.slice('spiffe://bank-a'.length));
    await operator.deleteAgent({ id });
    await assert.rejects(spire.tls(SVIDDefinition, agent).batchNewX509SVID({ params: [] }), code('AGENT_NOT_ATTESTED'));
    await assert.rejects(operator.deleteAgent({ id }), code('NOT_FOUND'));
    await assert.rejects(operator.banAgent({ id: spiffeId('/web') }), code('ARGUMENT_INVALID'));
    await assert.rejects(operator.getAgent({ id: undefined, outputMask: undefined }), code('ARGUMENT_INVALID'));
  }));

test('agents are filtered as asked; a moment that cannot be read is refused', () =>
  withSpire(async (spire) => {
    await spire.attest();
    const operator = spire.local(AgentDefinition);
    const count = async (filter: object) => (await operator.countAgents({ filter: { ...NO_FILTER, ...filter } })).count;
    assert.equal(await count({ byAttestationType: 'join_token' }), 1);
    assert.equal(await count({ byAttestationType: 'x509pop' }), 0);
    assert.equal(await count({ byBanned: false }), 1);
    assert.equal(await count({ byCanReattest: true }), 0);
    assert.equal(await count({ byExpiresBefore: '2001-02-03 04:05:06 +0000 UTC' }), 0);
    assert.equal(await count({ byExpiresBefore: '2201-02-03 04:05:06 -0700 -07' }), 1);
    await assert.rejects(count({ byExpiresBefore: 'tomorrow' }), code('ARGUMENT_INVALID'));
    const mask = AgentMask.decode(new Uint8Array());
    const { agents } = await operator.listAgents({ filter: undefined, outputMask: mask, pageSize: 0, pageToken: '' });
    assert.equal(agents[0]?.attestationType, '');
    assert.ok(agents[0]?.id !== undefined);
  }));

test('a refused attestation leaves a receipt with its reason, and a flood of them leaves few', () =>
  withSpire(async (spire) => {
    const client = spire.tls(AgentDefinition);
    for (let n = 0; n < 30; n++)
      await assert.rejects(attestWith(client, 'join_token', Buffer.from('unknown')), code('AGENT_TOKEN_INVALID'));
    const receipts = await spire.receipts('agent', 'deny');
    assert.ok(receipts.length >= 1 && receipts.length < 30, String(receipts.length));
    assert.deepEqual([receipts[0]?.code, receipts[0]?.proof], ['AGENT_TOKEN_INVALID', 'join_token']);
  }));

test('agents that have been gone for a week are forgotten, banned ones never', () => {
  const clock = manualClock();
  return withSpire(
    async (spire) => {
      await spire.attest();
      const banned = await spire.attest();
      const operator = spire.local(AgentDefinition);
      await operator.banAgent({ id: spiffeId(banned.id.slice('spiffe://bank-a'.length)) });
      const count = async () => (await operator.countAgents({ filter: undefined })).count;
      clock.advance(7 * 24 * 3_600_000);
      assert.equal(await count(), 2);
      clock.advance(3 * 3_600_000);
      while ((await count()) !== 1);
      while ((await spire.receipts('agent', 'allow'))[0]?.action !== 'prune');
    },
    { clock },
  );
});

test('a certificate is judged on every call: one that has expired, or whose CA was revoked, is worth nothing on an open connection', () => {
  const clock = manualClock();
  return withSpire(
    async (spire) => {
      const status = { currentBundleSerial: 0n, agentVersion: '' };
      const revoked = spire.tls(AgentDefinition, await spire.attest());
      await revoked.postStatus(status);
      const authorities = spire.local(LocalAuthorityDefinition);
      const { active } = await authorities.getX509AuthorityState({});
      const { preparedAuthority } = await authorities.prepareX509Authority({});
      await authorities.activateX509Authority({ authorityId: preparedAuthority?.authorityId ?? '' });
      await authorities.taintX509Authority({ authorityId: active?.authorityId ?? '' });
      await revoked.postStatus(status);
      await authorities.revokeX509Authority({ authorityId: active?.authorityId ?? '' });
      await assert.rejects(revoked.postStatus(status), code('AGENT_NOT_ACTIVE'));
      const expiring = spire.tls(AgentDefinition, await spire.attest());
      await expiring.postStatus(status);
      clock.advance(3_600_000);
      await assert.rejects(expiring.postStatus(status), code('AGENT_EXPIRED'));
    },
    { clock },
  );
});
