// X509- and JWT-SVIDs a second from one authority in process (say, sign, validate again), many at once and for keys that differ, against raw P-256
// signing of as many bytes, and against signing and one verification off the main thread, which is the least that it would cost to verify every
// signature (ADR 13 says which are). The goals on an otherwise idle machine of two cores are 15,000 and 8,000 a second.
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { Authority } from '#authority';
import { systemClock, systemRandom } from '#kernel';
import { MemoryKeyManager, memoryJournal } from '#plugins/key-manager/memory';
import { parseTrustDomain, SpiffeId } from '#spiffe';
import type { Figure } from './figure.ts';

const WARM_MILLIS = 300;
const MEASURE_MILLIS = 1500;
const IN_FLIGHT = 64;
const HOLDERS = 1000;
const SIGNED_BYTES = 512;
// Gates against getting slower, a little below what was measured; they are no goals.
const SIGNING_BUDGET = 0.25;
const CHECKED_BUDGET = 0.8;

type Work = () => Promise<unknown>;

export async function run(): Promise<readonly Figure[]> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const data = systemRandom.bytes(SIGNED_BYTES);
  const key = { key: privateKey, dsaEncoding: 'der' } as const;
  const { x509, jwt } = await newIssuers();
  const signing = await perSecond(async () => void sign('sha256', data, key), 1);
  const checked = await perSecond(
    () => new Promise((resolve) => verify('sha256', data, publicKey, sign('sha256', data, key), resolve)),
    IN_FLIGHT,
  );
  const x509Issued = await perSecond(x509, IN_FLIGHT);
  const jwtIssued = await perSecond(jwt, IN_FLIGHT);
  return [
    figure('issuance.signing', x509Issued, signing, SIGNING_BUDGET, 'raw P-256 signing'),
    figure('issuance.checked', x509Issued, checked, CHECKED_BUDGET, 'P-256 signing and verifying'),
    figure('issuance.jwt', jwtIssued, checked, CHECKED_BUDGET, 'P-256 signing and verifying'),
  ];
}

async function newIssuers(): Promise<{ readonly x509: Work; readonly jwt: Work }> {
  const authority = new Authority({
    trustDomain: parseTrustDomain('bank-a'),
    keyManager: new MemoryKeyManager(),
    journal: memoryJournal(),
    clock: systemClock,
    random: systemRandom,
    caTtlSeconds: 24 * 3600,
  });
  await authority.ready();
  const id = SpiffeId.parse('spiffe://bank-a/account-service');
  const keys = Array.from({ length: HOLDERS }, newSpki);
  let next = 0;
  return {
    x509: () => {
      const publicKeySpki = keys[next++ % HOLDERS] ?? Buffer.alloc(0);
      return authority.issueX509Svid({ id, publicKeySpki, ttlSeconds: 3600 });
    },
    jwt: () => authority.issueJwtSvid({ id, audience: ['ledger'], ttlSeconds: 300 }),
  };
}

function newSpki(): Buffer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
}

async function perSecond(work: Work, inFlight: number): Promise<number> {
  const repeat = async (until: number): Promise<number> => {
    let done = 0;
    const one = async (): Promise<void> => {
      while (performance.now() < until) {
        await work();
        done++;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, one));
    return done;
  };
  await repeat(performance.now() + WARM_MILLIS);
  const start = performance.now();
  const done = await repeat(start + MEASURE_MILLIS);
  return (done * 1000) / (performance.now() - start);
}

function figure(name: string, value: number, limit: number, budget: number, what: string): Figure {
  const ratio = value / limit;
  return { name, unit: 'SVIDs/s', value, limit, ratio, budget: `>= ${budget} of ${what}`, ok: ratio >= budget };
}
