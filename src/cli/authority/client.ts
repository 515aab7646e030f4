import type { Command } from 'commander';
import type { Client } from '#wire';
import { AuthoritiesDefinition, type Authority } from '#wire/gen/hauberk_authorities';
import { type TargetOptions, withServer, withTarget } from '../target.ts';

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
export function withAuthorities<T>(
  options: TargetOptions,
  use: (authorities: Client<typeof AuthoritiesDefinition>) => Promise<T>,
): Promise<T> {
  return withServer(AuthoritiesDefinition, options, use);
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
