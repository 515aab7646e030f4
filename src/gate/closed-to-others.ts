import { Fault, type Random, randomBase64url, Secret } from '#kernel';
import { openBackend } from './backend.ts';
import type { DatabaseAddress } from './database-address.ts';
import type { LoginRoles } from './login-roles.ts';
import { scramVerifier } from './scram.ts';

const SECONDS = 60;

/**
 * Tries the server's own door as an attacker would: as a workload's role, and as a login role of this gate with another password. Hands back
 * the names that were refused. Throws `CONFIG_INVALID` when one is not: then `pg_hba.conf` admits somebody without a password.
 */
export async function assertClosedToOthers(parts: {
  readonly address: DatabaseAddress;
  readonly logins: LoginRoles;
  readonly roles: readonly string[];
  readonly random: Random;
}): Promise<readonly string[]> {
  const { address, logins, roles, random } = parts;
  const password = (): Secret => new Secret(randomBase64url(random, 32));
  const tried: string[] = [];
  for (const role of roles) {
    await logins.renew(role, scramVerifier(password().reveal(), random), SECONDS);
    for (const login of [role, logins.nameFor(role)]) {
      await assertRefused(address, login, password(), random);
      tried.push(login);
    }
  }
  return tried;
}

async function assertRefused(address: DatabaseAddress, login: string, password: Secret, random: Random): Promise<void> {
  const credential = { login, password, expiresAt: 0 };
  const outcome = await openBackend(address, credential, new Map(), random).catch((error: unknown) => error);
  // Class 28: invalid authorization specification. Nothing else is a refusal of who it is that comes.
  if (outcome instanceof Error && /^28/.test(String(Object(outcome.cause).code))) return;
  if ('stream' in Object(outcome)) Object(outcome).stream.destroy();
  const sentence = `the database admits "${login}" without its password: its pg_hba.conf must say scram-sha-256 for +hauberk_login`;
  throw new Fault('CONFIG_INVALID', sentence, { cause: outcome instanceof Error ? outcome : undefined });
}
