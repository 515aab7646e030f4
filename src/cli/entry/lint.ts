import { Command } from 'commander';
import { table } from '#up';
import type { EntryResource } from '#wire';
import { print, type TargetOptions, withAdmin, withTarget } from '../target.ts';
import { type Finding, lintEntries } from './lint-rules.ts';

export function lintEntriesCommand(): Command {
  return withTarget(new Command('lint'))
    .description(
      'find entries that give too much, name the wrong thing, or that nobody uses; exit status 1 when there are any',
    )
    .option('--trust-domain <name>', 'of one trust domain')
    .option('--json', 'as JSON')
    .action((options: TargetOptions & { readonly trustDomain?: string; readonly json?: true }) =>
      withAdmin(options, async (admin) => {
        const { now, trustDomains } = await admin.status();
        const names = options.trustDomain === undefined ? trustDomains.map(({ name }) => name) : [options.trustDomain];
        const findings: (Finding & { readonly trustDomain: string })[] = [];
        for (const trustDomain of names) {
          const entries = (await admin.list('Entry', trustDomain)) as readonly EntryResource[];
          const uses = await admin.entryUses(trustDomain);
          const found = lintEntries({ trustDomain, entries, uses, nowSeconds: Number(now) / 1000 });
          findings.push(...found.map((one) => ({ trustDomain, ...one })));
        }
        const rows = findings.map(({ trustDomain, entry, rule, sentence }) => [
          `${trustDomain}/${entry}`,
          rule,
          sentence,
        ]);
        if (options.json === true) print(JSON.stringify(findings, undefined, 2));
        else print(findings.length === 0 ? 'nothing found' : table(['entry', 'rule', ''], rows));
        if (findings.length > 0) process.exitCode = 1;
      }),
    );
}
