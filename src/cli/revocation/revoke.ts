import { Command } from 'commander';
import { findDurationSeconds } from '#config';
import { Fault, systemClock, unixSeconds } from '#kernel';
import { print, withAdmin } from '../target.ts';
import { awaitApplied } from './await-applied.ts';
import { type SubjectOptions, subjectOf, withRevocations, withSubject } from './client.ts';

interface RevokeOptions extends SubjectOptions {
  readonly reason?: string;
  readonly expiresIn?: string;
}

export function revokeCommand(): Command {
  return withSubject(new Command('revoke'))
    .description('have a user, session, workload, minter or transaction refused everywhere from now on')
    .option('--reason <text>', 'why; it stands in the receipt')
    .option('--expires-in <duration>', 'for how long, such as 12h (default: until it is restored)')
    .action((kind: string, value: string, options: RevokeOptions) => {
      const subject = subjectOf(kind, value, options);
      const request = { ...subject, reason: options.reason ?? '', expiresAt: end(options.expiresIn) };
      return withRevocations(options, async (client) => {
        const { revision } = await client.revoke(request);
        print(`revoked ${kind} ${value} in ${subject.trustDomain} at revision ${revision}`);
        await withAdmin(options, async (admin) => {
          for (const line of await awaitApplied(admin, subject.trustDomain, revision)) print(line);
        });
      });
    });
}

function end(duration: string | undefined): bigint {
  if (duration === undefined) return 0n;
  const seconds = findDurationSeconds(duration);
  if (seconds === undefined || seconds <= 0)
    throw new Fault('ARGUMENT_INVALID', '--expires-in is a duration such as 30m, 12h or 7d');
  return BigInt(unixSeconds(systemClock) + seconds);
}
