import { Command } from 'commander';
import { type ApplyOptions, applyFiles, withApplyOptions } from '../apply.ts';

export function applyEntriesCommand(): Command {
  return withApplyOptions(new Command('apply'))
    .description('apply entries from files, all of them or none')
    .requiredOption('-f, --file <file...>', 'YAML of Entry documents, or directories of it')
    .action((options: ApplyOptions & { readonly file: readonly string[] }) =>
      applyFiles(options.file, options, 'Entry'),
    );
}
