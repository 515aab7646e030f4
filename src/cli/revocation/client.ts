import { Argument, type Command } from 'commander';
import { Fault } from '#kernel';
import { SpiffeId } from '#spiffe';
import { type Client, REVOCATION_KINDS } from '#wire';
import { RevocationsDefinition } from '#wire/gen/hauberk_revocations';
import { type TargetOptions, withServer, withTarget } from '../target.ts';

export interface SubjectOptions extends TargetOptions {
  readonly trustDomain?: string;
}

/** What is revoked, or restored. */
export interface Subject {
  readonly trustDomain: string;
  readonly kind: string;
  readonly value: string;
}

/** Adds what says whom or what a revocation is about. */
export function withSubject(command: Command): Command {
  return withTarget(command)
    .addArgument(new Argument('<kind>', 'what it is').choices(REVOCATION_KINDS))
    .argument(
      '<value>',
      'SPIFFE ID of a user or workload, id of a session or transaction, key id or SPIFFE ID of a minter',
    )
    .option('--trust-domain <name>', 'whose it is (default: that of the SPIFFE ID)');
}

/** Throws `ARGUMENT_INVALID` where nothing says the trust domain. */
export function subjectOf(kind: string, value: string, { trustDomain }: SubjectOptions): Subject {
  if (trustDomain !== undefined) return { trustDomain, kind, value };
  if (!value.startsWith('spiffe://')) throw new Fault('ARGUMENT_INVALID', 'what is no SPIFFE ID needs --trust-domain');
  return { trustDomain: SpiffeId.parse(value).trustDomain, kind, value };
}

/** Talks to the server's admin socket for the time of `use`. */
export function withRevocations<T>(
  options: TargetOptions,
  use: (revocations: Client<typeof RevocationsDefinition>) => Promise<T>,
): Promise<T> {
  return withServer(RevocationsDefinition, options, use);
}
