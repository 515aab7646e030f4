import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode, systemClock } from '#kernel';
import { createClient, dialTls } from '#rpc';
import { isTainted, parseX509Bundle, verifyX509Svid } from '#spiffe';
import type { BundleResource } from '#wire';
import { AuthoritiesDefinition } from '#wire/gen/hauberk_authorities';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { splitCertificates } from '#x509';
import { first, type House, until, withHouse } from './agent.harness.ts';

const TRUST_DOMAIN = { trustDomain: 'bank-a' };

test('tainting a CA replaces what it signed for workloads, agent and server at once; revoking it then breaks nothing', () =>
  withHouse(async (house) => {
    const authorities = createClient(AuthoritiesDefinition, { socketPath: house.server.adminSocket });
    const workload = house.workload(SpiffeWorkloadAPIDefinition);
    const held = workload.fetchX509SVID({})[Symbol.asyncIterator]();
    const old = (await authorities.show(TRUST_DOMAIN)).authorities.find(({ kind }) => kind === 'x509')?.id ?? '';
    assert.equal(isTainted(await nextChain(held), [old]), true);

    const { authority } = await authorities.prepare({ ...TRUST_DOMAIN, kind: 'x509' });
    const change = (authorityId: string) => ({ ...TRUST_DOMAIN, kind: 'x509', authorityId });
    await assert.rejects(authorities.taint(change(old)), (error) => faultCode(error) === 'AUTHORITY_STATE_INVALID');
    await authorities.activate(change(authority?.id ?? ''));
    await assert.rejects(authorities.revoke(change(old)), (error) => faultCode(error) === 'AUTHORITY_STATE_INVALID');
    await authorities.taint(change(old));
    assert.deepEqual((await bundleOf(house)).taintedX509Authorities, [old]);

    while (isTainted(await nextChain(held), [old]));
    await until(async () => (await renewals(house)) > 0);
    await until(async () => !isTainted(await serverChain(house), [old]));

    await authorities.revoke(change(old));
    const bundles = new Map([['bank-a', parseX509Bundle(await bundleOf(house))]]);
    const { svids } = await first(workload.fetchX509SVID({}));
    const chain = splitCertificates(svids[0]?.x509Svid ?? Buffer.alloc(0));
    verifyX509Svid({ chain, bundles, at: systemClock.now() });
    // The agent's own certificate is of the new CA too, or it could not come back.
    await house.restart();
    await until(async () => (await house.supervisor.status({})).healthy);
    await held.return?.();
    await authorities.close();
  }));

async function nextChain(stream: AsyncIterator<{ readonly svids: { readonly x509Svid: Uint8Array }[] }>) {
  const { value, done } = await stream.next();
  assert.notEqual(done, true, 'the stream ended');
  return splitCertificates(value.svids[0]?.x509Svid ?? Buffer.alloc(0));
}

async function bundleOf(house: House): Promise<BundleResource> {
  return JSON.parse((await house.admin.getBundle(TRUST_DOMAIN)).bundleJson);
}

async function renewals(house: House): Promise<number> {
  const { receiptsJson } = await house.admin.receipts({ limit: 1000, kind: 'agent', effect: '' });
  return receiptsJson.map((json) => JSON.parse(json)).filter((one) => one.action === 'renew').length;
}

async function serverChain({ server }: House): Promise<readonly Buffer[]> {
  let seen: readonly Buffer[] = [];
  const verify = (chain: readonly Buffer[]): void => {
    seen = chain;
  };
  (await dialTls({ ...server.sync, servername: 'bank-a', verify })).destroy();
  return seen;
}
