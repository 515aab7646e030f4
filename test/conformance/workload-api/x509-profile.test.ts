import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { Fault } from '#kernel';
import { parseTrustDomain, SpiffeId, verifyX509Svid, x509Bundle } from '#spiffe';
import { SpiffeWorkloadAPIDefinition, type X509SVIDResponse } from '#wire/gen/workloadapi';
import { splitCertificates } from '#x509';
import { entry, first, until } from '../../../src/agent/agent.harness.ts';
import { sharedHouse, withEntries } from '../house.ts';

const house = sharedHouse();
const api = () => house().workload(SpiffeWorkloadAPIDefinition);
const SERVICE = 'spiffe://bank-a/service';
const PERMISSION_DENIED = 7;

const fetched = async (): Promise<X509SVIDResponse> => first(api().fetchX509SVID({}));
const idsOf = ({ svids }: X509SVIDResponse): readonly string[] => svids.map(({ spiffeId }) => spiffeId);
const grpcStatus = (error: unknown): unknown => error instanceof Fault && error.details.grpcStatus;

test('A-3 each message has all identities, also those that did not change', async () => {
  const seen: (readonly string[])[] = [];
  for await (const message of api().fetchX509SVID({})) {
    seen.push([...idsOf(message)].sort());
    if (seen.length === 1) void withEntries(house(), { second: {} }, () => until(async () => seen.length >= 2));
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, [[SERVICE], ['spiffe://bank-a/second', SERVICE], [SERVICE]]);
});

test('A-4 the first message comes at once, again on each connection, although nothing changes', async () => {
  for (let connection = 0; connection < 3; connection++) {
    assert.deepEqual(idsOf(await atOnce(fetched())), [SERVICE]);
    assert.ok('spiffe://bank-a' in (await atOnce(first(api().fetchX509Bundles({})))).bundles);
  }
});

/** Many times what it takes: a stream that waits for a change would never speak. */
async function atOnce<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: 'no message came' })), 5_000);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

test('A-7 an answer has at least one SVID', async () => assert.ok((await fetched()).svids.length >= 1));

test('A-7 a caller without identity is refused, never answered with none', async () => {
  await house().removeEntry('service');
  await until(async () => {
    try {
      assert.ok((await fetched()).svids.length > 0);
      return false;
    } catch (error) {
      assert.equal(grpcStatus(error), PERMISSION_DENIED);
      return true;
    }
  });
  await restoreService();
});

/** The entry that the house began with. */
async function restoreService(): Promise<void> {
  await house().admin.apply({ documentsJson: [JSON.stringify(entry('service'))], dryRun: false });
  await until(async () => {
    try {
      return idsOf(await fetched()).includes(SERVICE);
    } catch {
      return false;
    }
  });
}

test('A-8 every field: chain with the leaf first, its key in PKCS #8, the bundle of its trust domain', async () => {
  const [svid] = (await fetched()).svids;
  assert.ok(svid !== undefined);
  assert.equal(svid.spiffeId, SERVICE);
  const bundles = new Map([['bank-a', x509Bundle(parseTrustDomain('bank-a'), splitCertificates(svid.bundle))]]);
  const verified = verifyX509Svid({ chain: splitCertificates(svid.x509Svid), bundles, at: Date.now() });
  assert.equal(`${verified.id}`, SERVICE);
  const key = createPrivateKey({ key: Buffer.from(svid.x509SvidKey), format: 'der', type: 'pkcs8' });
  assert.ok(verified.leaf.spki.equals(createPublicKey(key).export({ type: 'spki', format: 'der' })));
});

test('A-9 a hint stands once in an answer; a second bearer comes without, and is not lost', () =>
  withEntries(house(), { one: { hint: 'internal' }, two: { hint: 'internal' }, three: { hint: 'other' } }, async () => {
    let answer: X509SVIDResponse | undefined;
    await until(async () => {
      answer = await fetched();
      return answer.svids.length === 4;
    });
    const hints = (answer?.svids ?? []).map(({ hint }) => hint).filter((hint) => hint !== '');
    assert.deepEqual(hints.sort(), ['internal', 'other']);
  }));

test('A-10 bundles are named by the SPIFFE ID of their trust domain', async () => {
  assert.deepEqual(Object.keys((await fetched()).federatedBundles), ['spiffe://platform.example']);
  const { bundles } = await first(api().fetchX509Bundles({}));
  for (const key of Object.keys(bundles)) assert.equal(SpiffeId.parse(key).path, '');
});

test('A-11 the bundles have that of the own trust domain', async () => {
  const { bundles } = await first(api().fetchX509Bundles({}));
  assert.deepEqual(Object.keys(bundles).sort(), ['spiffe://bank-a', 'spiffe://platform.example']);
  assert.ok(splitCertificates(bundles['spiffe://bank-a'] ?? Buffer.alloc(0)).length > 0);
});

test('A-21 a stream whose last identity vanishes ends with PermissionDenied', async () => {
  let messages = 0;
  await assert.rejects(
    async () => {
      for await (const { svids } of api().fetchX509SVID({})) {
        assert.ok(svids.length > 0);
        if (messages++ === 0) await house().removeEntry('service');
      }
    },
    (error) => grpcStatus(error) === PERMISSION_DENIED,
  );
  assert.equal(messages, 1);
  await assert.rejects(fetched, (error) => grpcStatus(error) === PERMISSION_DENIED);
  await restoreService();
});

test('A-22 the first identity is that of the highest priority, whatever the order of entries', async () => {
  const names = ['one', 'two', 'three'];
  for (const order of [names, names.toReversed()]) {
    const entries = Object.fromEntries(order.map((name, index) => [name, { priority: 9 - index }]));
    await withEntries(house(), entries, async () => {
      let ids: readonly string[] = [];
      await until(async () => {
        ids = idsOf(await fetched());
        return ids.length === 4;
      });
      assert.deepEqual(ids, [...order.map((name) => `spiffe://bank-a/${name}`), SERVICE]);
      assert.deepEqual(idsOf(await fetched()), ids);
    });
    await until(async () => (await fetched()).svids.length === 1);
  }
});
