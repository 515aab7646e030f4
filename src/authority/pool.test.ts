import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode, ManualClock } from '#kernel';
import {
  parseJwtBundle,
  parseX509Bundle,
  SpiffeId,
  verifyJwtSvid,
  verifyJwtSvidInPool,
  verifyX509Svid,
  verifyX509SvidInPool,
  x509Bundle,
} from '#spiffe';
import { HOUR, id, newAuthority, newSpki, trustDomain } from './authority.harness.ts';

const outcome = async (attempt: () => unknown): Promise<unknown> => {
  try {
    return JSON.stringify(await attempt(), (_, value) => (value instanceof SpiffeId ? `${value}` : value));
  } catch (error) {
    return faultCode(error);
  }
};

test('off the main thread certificates and tokens are judged as on it, sound or forged', async () => {
  const clock = new ManualClock();
  const [one, other] = [await newAuthority(clock), await newAuthority(clock)];
  const { chain } = await one.issueX509Svid({ id, publicKeySpki: newSpki(), ttlSeconds: 3600 });
  const { token } = await one.issueJwtSvid({ id, audience: ['a'], ttlSeconds: 300 });
  const leaf = chain[0] ?? Buffer.alloc(0);
  const forged = Buffer.from(leaf);
  forged[forged.length - 5] = (forged.at(-5) ?? 0) ^ 1;
  const own = { x509: parseX509Bundle(one.bundle()), jwt: parseJwtBundle(one.bundle()) };
  const foreign = { x509: parseX509Bundle(other.bundle()), jwt: parseJwtBundle(other.bundle()) };
  const expected = new Set<unknown>();
  for (const bundle of [own.x509, foreign.x509, x509Bundle(trustDomain, [])])
    for (const der of [leaf, forged, Buffer.from('junk')])
      for (const at of [clock.now(), clock.now() + 2 * HOUR]) {
        const question = { chain: [der], bundles: new Map([[trustDomain, bundle]]), at };
        const judged = await outcome(() => verifyX509Svid(question));
        assert.equal(await outcome(() => verifyX509SvidInPool(question)), judged);
        expected.add(typeof judged === 'string' && judged.startsWith('{') ? 'accepted' : judged);
      }
  assert.ok(
    expected.has('accepted') && expected.has('PEER_CHAIN_UNTRUSTED') && expected.has('PEER_CERTIFICATE_EXPIRED'),
  );
  for (const bundle of [own.jwt, foreign.jwt])
    for (const text of [token, `${token.slice(0, -6)}AAAAAA`, 'a.b.c'])
      for (const audience of ['a', 'b']) {
        const question = { token: text, audience, bundles: new Map([[trustDomain, bundle]]), at: clock.now() };
        assert.equal(await outcome(() => verifyJwtSvidInPool(question)), await outcome(() => verifyJwtSvid(question)));
      }
});
