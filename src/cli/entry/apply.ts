import { Command } from 'commander';
import { applyFiles } from '../apply.ts';
import { type TargetOptions, withTarget } from '../target.ts';

export function applyEntriesCommand(): Command {
  return withTarget(new Command('apply'))
    .description('apply entries from files, all of them or none')
    .requiredOption('-f, --file <file...>', 'YAML of Entry documents')
    .option('--dry-run', 'say what would change, and change nothing')
    .action((options: TargetOptions & { readonly file: readonly string[]; readonly dryRun?: true }) =>
      applyFiles(options.file, options, 'Entry'),
    );
}
