import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { type ManualClock, systemRandom } from '#kernel';
import { MemoryKeyManager, memoryJournal } from '#plugins/key-manager/memory';
import { parseTrustDomain, SpiffeId } from '#spiffe';
import { Authority, type AuthorityJournal, type AuthorityOptions, type KeyManager } from './index.ts';

export const trustDomain = parseTrustDomain('bank-a');
export const id = SpiffeId.parse('spiffe://bank-a/account-service');
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export const newSpki = (): Buffer =>
  createPublicKey(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey).export({
    type: 'spki',
    format: 'der',
  });

export async function newAuthority(
  clock: ManualClock,
  keyManager: KeyManager = new MemoryKeyManager(),
  journal: AuthorityJournal = memoryJournal(),
  more: Partial<AuthorityOptions> = {},
): Promise<Authority> {
  const options = { trustDomain, keyManager, journal, clock, random: systemRandom, caTtlSeconds: 24 * 3600, ...more };
  const authority = new Authority(options);
  await authority.ready();
  await authority.use('wit');
  return authority;
}
