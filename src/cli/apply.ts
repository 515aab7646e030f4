import { Command } from 'commander';
import { configFault, type DocumentKind, loadDocuments } from '#config';
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
  only?: DocumentKind,
): Promise<void> {
  const places = loadDocuments(files);
  const others = places.filter(({ document }) => only !== undefined && document.kind !== only);
  if (others.length > 0)
    throw configFault(
      others.map(({ file, line, document }) => ({
        file,
        line,
        path: 'kind',
        expected: `${only}`,
        found: document.kind,
      })),
    );
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
