// X509-SVIDs a second from one authority in process (encode, sign, validate again), against raw P-256 signing of as many bytes, and
// against signing and one verification, which is the least that an authority that checks its own work can do.
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { Authority } from '#authority';
import { systemClock, systemRandom } from '#kernel';
import { MemoryKeyManager } from '#plugins/key-manager/memory';
import { parseTrustDomain, SpiffeId } from '#spiffe';
import type { Figure } from './figure.ts';

const WARM_MILLIS = 300;
const MEASURE_MILLIS = 1500;
const SIGNED_BYTES = 512;
// Gates against getting slower, a little below what was measured (0.13 and 0.47); they are no goals.
const SIGNING_BUDGET = 0.1;
const CHECKED_BUDGET = 0.4;

export async function run(): Promise<readonly Figure[]> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const data = systemRandom.bytes(SIGNED_BYTES);
  const key = { key: privateKey, dsaEncoding: 'der' } as const;
  const issue = await newIssuer();
  const signing = await perSecond(async () => void sign('sha256', data, key));
  const checked = await perSecond(async () => void verify('sha256', data, publicKey, sign('sha256', data, key)));
  const issued = await perSecond(issue);
  return [
    figure('issuance.signing', issued, signing, SIGNING_BUDGET, 'raw P-256 signing'),
    figure('issuance.checked', issued, checked, CHECKED_BUDGET, 'P-256 signing and verifying'),
  ];
}

async function newIssuer(): Promise<() => Promise<void>> {
  const authority = new Authority({
    trustDomain: parseTrustDomain('bank-a'),
    keyManager: new MemoryKeyManager(),
    journal: { load: async () => undefined, save: async () => undefined },
    clock: systemClock,
    random: systemRandom,
    caTtlSeconds: 24 * 3600,
  });
  await authority.ready();
  const id = SpiffeId.parse('spiffe://bank-a/account-service');
  const holder = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
  const publicKeySpki = createPublicKey(holder).export({ type: 'spki', format: 'der' });
  return async () => void (await authority.issueX509Svid({ id, publicKeySpki, ttlSeconds: 3600 }));
}

async function perSecond(work: () => Promise<void>): Promise<number> {
  const warm = performance.now() + WARM_MILLIS;
  while (performance.now() < warm) await work();
  const start = performance.now();
  let done = 0;
  while (performance.now() - start < MEASURE_MILLIS) {
    await work();
    done++;
  }
  return (done * 1000) / (performance.now() - start);
}

function figure(name: string, value: number, limit: number, budget: number, what: string): Figure {
  const ratio = value / limit;
  return { name, unit: 'SVIDs/s', value, limit, ratio, budget: `>= ${budget} of ${what}`, ok: ratio >= budget };
}
