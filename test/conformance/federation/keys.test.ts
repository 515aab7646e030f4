import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBundleMap, SpiffeId, verifyX509Svid, x509Bundle } from '#spiffe';
import { forge, NOW } from '../../forge/certificate.ts';
import { newAuthority, newSpki } from '../authority.ts';
import { BANK_A, BANK_B, SUBJECT } from '../issuer.ts';
import { rejects } from '../rejects.ts';

const HOUR = 3_600_000;

test('F-1 every SVID verifies by the bundle that was published an hour before it was issued, over three days', async () => {
  const { authority, clock, bundles } = await newAuthority();
  let anHourAgo = bundles();
  const authorities = new Set<string>();
  for (let hour = 0; hour < 72; hour++) {
    const published = bundles();
    const request = { id: SpiffeId.parse(SUBJECT), publicKeySpki: newSpki(), ttlSeconds: 600 };
    const { chain } = await authority.issueX509Svid(request);
    assert.equal(`${verifyX509Svid({ chain, bundles: anHourAgo, at: clock.now() }).id}`, SUBJECT);
    for (const { serial } of published.get('bank-a')?.authorities ?? []) authorities.add(serial);
    anHourAgo = published;
    clock.advance(HOUR);
    await authority.rotateIfDue();
  }
  assert.ok(authorities.size >= 3, 'keys were rotated');
  await authority.close();
});

const roots = [BANK_A, BANK_B].map((name) => ({ name, root: forge({ ca: true, uris: [`spiffe://${name}`] }) }));
const map = JSON.stringify({
  trust_domains: Object.fromEntries(
    roots.map(({ name, root }) => [
      name,
      {
        keys: [
          {
            use: 'x509-svid',
            ...x509Bundle(name, [root.der]).authorities[0]?.publicKey.export({ format: 'jwk' }),
            x5c: [root.der.toString('base64')],
          },
        ],
      },
    ]),
  ),
});
const bundles = new Map([...parseBundleMap(map)].map(([name, { x509 }]) => [String(name), x509]));

test('F-2 the bundle of each trust domain verifies its own workloads', () => {
  for (const { name, root } of roots) {
    const { der } = forge({ uris: [`spiffe://${name}/x`] }, root);
    assert.equal(verifyX509Svid({ chain: [der], bundles, at: NOW }).id.trustDomain, name);
  }
});

test('F-2 the authority of one trust domain verifies nobody of another, however they are carried', () => {
  const [a, b] = roots;
  assert.ok(a !== undefined && b !== undefined);
  const nameless = forge({ ca: true });
  const { der } = forge({ uris: [`spiffe://${a.name}/x`] }, b.root);
  rejects(() => verifyX509Svid({ chain: [der], bundles, at: NOW }), 'PEER_CHAIN_UNTRUSTED');
  const both = new Map([...bundles, ['bank-b', x509Bundle(BANK_B, [b.root.der, nameless.der])]]);
  const other = forge({ uris: [`spiffe://${a.name}/x`] }, nameless);
  rejects(() => verifyX509Svid({ chain: [other.der], bundles: both, at: NOW }), 'PEER_CHAIN_UNTRUSTED');
});
