import { Command } from 'commander';
import { loadDocuments } from '#config';
import { type Changed, changeLines } from './change-lines.ts';
import { print, type TargetOptions, withAdmin, withTarget } from './target.ts';

export function applyCommand(): Command {
  return withTarget(new Command('apply'))
    .description('apply documents, all of them or none')
    .argument('<files...>', 'YAML or Cedar files')
    .option('--dry-run', 'say what would change, and change nothing')
    .action((files: string[], options: TargetOptions & { readonly dryRun?: true }) => applyFiles(files, options));
}

/** Applies the documents of files, of one kind where `only` names one, and prints what changed. */
export function applyFiles(
  files: readonly string[],
  options: TargetOptions & { readonly dryRun?: true },
): Promise<void> {
  const places = loadDocuments(files);
  return withAdmin(options, async (admin) => {
    const dryRun = options.dryRun === true;
    const changes: readonly Changed[] = await admin.apply(
      places.map(({ json }) => json),
      { dryRun, places },
    );
    for (const line of changes.flatMap((change) => changeLines(change, dryRun))) print(line);
    if (changes.length === 0) print('nothing to change');
    else if (dryRun) print(`${changes.length} to change; nothing was changed`);
  });
}
