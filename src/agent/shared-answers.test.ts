import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { faultCode, ManualClock } from '#kernel';
import { createClient } from '#rpc';
import { AuthoritiesDefinition } from '#wire/gen/hauberk_authorities';
import { SpiffeWorkloadAPIDefinition, type X509SVIDResponse } from '#wire/gen/workloadapi';
import { entry, first, withHouse } from './agent.harness.ts';

const plain = ({ svids, federatedBundles }: X509SVIDResponse) => ({
  svids: svids.map((one) => ({
    ...one,
    x509Svid: hex(one.x509Svid),
    x509SvidKey: hex(one.x509SvidKey),
    bundle: hex(one.bundle),
  })),
  federated: Object.entries(federatedBundles).map(([name, der]) => [name, hex(der)]),
});
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('bytes that callers share are never old: a hint, a federation, a new CA, a tainted one, a rotation and a deletion are seen at once', () => {
  const clock = new ManualClock(Date.now());
  return withHouse(async (house) => {
    const { admin, removeEntry, workload } = house;
    const authorities = createClient(AuthoritiesDefinition, { socketPath: house.server.adminSocket });
    const client = workload(SpiffeWorkloadAPIDefinition);
    const stream = client.fetchX509SVID({})[Symbol.asyncIterator]();
    const told = async () => {
      const { value, done } = await stream.next();
      assert.notEqual(done, true);
      return plain(value);
    };
    const asked = async () => plain(await first(workload(SpiffeWorkloadAPIDefinition).fetchX509SVID({})));
    const past: unknown[] = [];
    /** What the stream is told after a change is what a new connection is given from then on, or something newer; never what was before. */
    const seen = async () => {
      for (;;) {
        const state = await told();
        const given = await asked();
        for (const old of past) assert.notDeepEqual(given, old);
        past.push(state);
        if (isDeepStrictEqual(given, state)) return state;
      }
    };
    const apply = (more: object) => {
      const one = entry('service');
      return admin.apply({
        documentsJson: [JSON.stringify({ ...one, spec: { ...one.spec, ...more } })],
        dryRun: false,
      });
    };
    const start = await seen();

    await apply({ hint: 'inside' });
    const hinted = await seen();
    assert.deepEqual([start.svids[0]?.hint, hinted.svids[0]?.hint], ['', 'inside']);

    await apply({ hint: 'inside', federatesWith: [] });
    let alone = await seen();
    // Another entry is another certificate too; the answer may come in steps.
    while (alone.federated.length > 0) alone = await seen();
    assert.equal(hinted.federated.length, 1);

    const change = { trustDomain: 'bank-a', kind: 'x509' };
    const old = (await authorities.show({ trustDomain: 'bank-a' })).authorities.find(({ kind }) => kind === 'x509');
    const { authority } = await authorities.prepare(change);
    const prepared = await seen();
    assert.notEqual(prepared.svids[0]?.bundle, alone.svids[0]?.bundle);
    await authorities.activate({ ...change, authorityId: authority?.id ?? '' });
    await authorities.taint({ ...change, authorityId: old?.id ?? '' });
    let tainted = await seen();
    while (tainted.svids[0]?.x509Svid === prepared.svids[0]?.x509Svid) tainted = await seen();

    // The server is not heard for so long: it is dialled anew, and what could not be issued meanwhile is asked for again a second later.
    clock.advance(40 * 60_000);
    const ticking = setInterval(() => clock.advance(1000), 50);
    let rotated = await seen();
    while (rotated.svids[0]?.x509Svid === tainted.svids[0]?.x509Svid) rotated = await seen();
    clearInterval(ticking);
    assert.notEqual(rotated.svids[0]?.x509SvidKey, tainted.svids[0]?.x509SvidKey);

    await removeEntry('service');
    await assert.rejects(told, (error) => faultCode(error) === 'IDENTITY_NO_ENTRY');
    await assert.rejects(asked, (error) => faultCode(error) === 'IDENTITY_NO_ENTRY');
    await authorities.close();
  }, clock);
});
