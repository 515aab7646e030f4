import { join } from 'node:path';
import type { Command } from 'commander';
import { type Client, createGrpcClient, dialUnix } from '#wire';
import { AuthoritiesDefinition, type Authority } from '#wire/gen/hauberk_authorities';
import { findRunDirectory, type TargetOptions, withTarget } from '../target.ts';

export interface AuthorityOptions extends TargetOptions {
  readonly kind: string;
  readonly json?: true;
}

/** Adds what every command about authorities takes. */
export function withAuthorityOptions(command: Command): Command {
  return withTarget(command)
    .argument('<trust domain>', 'whose authority')
    .option('--kind <kind>', 'x509, jwt or wit', 'x509')
    .option('--json', 'as JSON');
}

/** Talks to the server's admin socket for the time of `use`. */
export async function withAuthorities<T>(
  options: TargetOptions,
  use: (authorities: Client<typeof AuthoritiesDefinition>) => Promise<T>,
): Promise<T> {
  const socket = options.socket ?? join(findRunDirectory(options), 'server', 'admin.sock');
  const client = createGrpcClient(AuthoritiesDefinition, { dial: () => dialUnix(socket) });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** What a person reads of an authority. */
export function row({ kind, id, state, tainted, expiresAt, upstreamAuthorityId }: Authority): readonly string[] {
  const ends = new Date(Number(expiresAt) * 1000).toISOString();
  return [kind, id, tainted ? `${state}, tainted` : state, ends, upstreamAuthorityId];
}

export function toJson({ expiresAt, ...rest }: Authority): object {
  return { ...rest, expiresAt: new Date(Number(expiresAt) * 1000).toISOString() };
}

export const HEADS = ['kind', 'id', 'state', 'expires', 'upstream'];
