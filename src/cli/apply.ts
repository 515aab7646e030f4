import { Command } from 'commander';
import { configFault, type DocumentKind, type LoadedDocument, loadDocuments } from '#config';
import { Fault } from '#kernel';
import { type Changed, changeLines } from './change-lines.ts';
import { documentFiles } from './document-files.ts';
import { print, type TargetOptions, withAdmin, withTarget } from './target.ts';

export interface ApplyOptions extends TargetOptions {
  readonly dryRun?: true;
  readonly set?: string;
  readonly prune?: true;
  readonly allowEmpty?: true;
}

export function applyCommand(): Command {
  return withApplyOptions(new Command('apply'))
    .description('apply documents, all of them or none')
    .argument('<files...>', 'YAML or Cedar files, or directories of them')
    .action((files: string[], options: ApplyOptions) => applyFiles(files, options));
}

/** Adds what every command that applies documents takes. */
export function withApplyOptions(command: Command): Command {
  return withTarget(command)
    .option('--dry-run', 'say what would change, and change nothing')
    .option('--set <name>', 'the documents are kept together under this name')
    .option('--prune', 'delete what the set put there and these documents no longer name; never a TrustDomain')
    .option('--allow-empty', 'prune although there are no documents: the whole set goes');
}

/** Applies the documents of files, of one kind where `only` names one, and prints what changed. */
export function applyFiles(paths: readonly string[], options: ApplyOptions, only?: DocumentKind): Promise<void> {
  const { set, prune, dryRun = false, allowEmpty = false } = options;
  if (set === undefined && prune === true)
    throw new Fault('ARGUMENT_INVALID', '--prune goes with --set: nothing says otherwise what the documents replace');
  const files = documentFiles(paths);
  if (files.length === 0 && !allowEmpty) throw new Fault('ARGUMENT_INVALID', 'there are no documents');
  const places = loadDocuments(files);
  assertOnly(places, only);
  const as = set === undefined ? {} : { as: { set, prune: prune === true, pruneKind: only ?? '', allowEmpty } };
  return withAdmin(options, async (admin) => {
    const documents = places.map(({ json }) => json);
    const changes: readonly Changed[] = await admin.apply(documents, { dryRun, places, ...as });
    for (const line of changes.flatMap((change) => changeLines(change, dryRun))) print(line);
    if (changes.length === 0) print('nothing to change');
    else if (dryRun) print(`${changes.length} to change; nothing was changed`);
  });
}

/** Throws `CONFIG_INVALID` with every document of another kind. */
function assertOnly(places: readonly LoadedDocument[], only: DocumentKind | undefined): void {
  const others = places.filter(({ document }) => only !== undefined && document.kind !== only);
  if (others.length === 0) return;
  throw configFault(
    others.map(({ file, line, document }) => ({
      file,
      line,
      path: 'kind',
      expected: `${only}`,
      found: document.kind,
    })),
  );
}
