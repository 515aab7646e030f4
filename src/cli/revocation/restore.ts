import { Command } from 'commander';
import { print } from '../target.ts';
import { type SubjectOptions, subjectOf, withRevocations, withSubject } from './client.ts';

export function restoreRevokedCommand(): Command {
  return withSubject(new Command('restore'))
    .description('take a revocation back')
    .action((kind: string, value: string, options: SubjectOptions) => {
      const subject = subjectOf(kind, value, options);
      return withRevocations(options, async (client) => {
        const { revision } = await client.restore(subject);
        print(`restored ${kind} ${value} in ${subject.trustDomain} at revision ${revision}`);
      });
    });
}
