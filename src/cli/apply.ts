import { Command } from 'commander';
import { loadDocuments } from '#config';
import { print, type TargetOptions, withAdmin, withTarget } from './target.ts';

export function applyCommand(): Command {
  return withTarget(new Command('apply'))
    .description('apply documents, all of them or none')
    .argument('<files...>', 'YAML or Cedar files')
    .option('--dry-run', 'say what would change')
    .action((files: string[], options: TargetOptions & { readonly dryRun?: true }) => {
      const documents = loadDocuments(files);
      return withAdmin(options, async (admin) => {
        const changes = await admin.apply(
          documents.map(({ json }) => json),
          options.dryRun === true,
        );
        for (const { verb, kind, trustDomain, key, revision } of changes)
          print(`${verb} ${kind} ${key} in ${trustDomain} at revision ${revision}`);
        if (changes.length === 0) print('nothing to change');
      });
    });
}
