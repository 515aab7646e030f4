import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type Random, randomBase64url, Secret } from '#kernel';

/** Random values made at first start, one file each, mode 0600. Processes get the path. */
export function makeSecret(file: string, random: Random): void {
  if (existsSync(file)) return;
  writeFileSync(file, randomBase64url(random, 15), { mode: 0o600, flag: 'wx' });
}

export function readSecret(file: string): Secret {
  return new Secret(readFileSync(file, 'utf8'));
}
