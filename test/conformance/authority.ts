import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { Authority, type AuthorityJournal } from '#authority';
import { ManualClock, systemRandom } from '#kernel';
import { MemoryKeyManager } from '#plugins/key-manager/memory';
import { parseX509Bundle, type X509BundleSet } from '#spiffe';
import { BANK_A } from './issuer.ts';

/** The authority of bank-a as the server runs it, with its keys in memory. */
export async function newAuthority(): Promise<{
  authority: Authority;
  clock: ManualClock;
  bundles: () => X509BundleSet;
}> {
  const clock = new ManualClock();
  let kept: Awaited<ReturnType<AuthorityJournal['load']>>;
  const journal: AuthorityJournal = {
    load: async () => kept,
    save: async (record) => {
      kept = record;
    },
  };
  const common = { trustDomain: BANK_A, clock, random: systemRandom, caTtlSeconds: 24 * 3600 };
  const authority = new Authority({ ...common, keyManager: new MemoryKeyManager(), journal });
  await authority.ready();
  return { authority, clock, bundles: () => new Map([['bank-a', parseX509Bundle(authority.bundle())]]) };
}

export function newSpki(): Buffer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
}
