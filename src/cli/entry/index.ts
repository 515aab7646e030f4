import { Command } from 'commander';
import { applyEntriesCommand } from './apply.ts';
import { createEntryCommand } from './create.ts';
import { deleteEntryCommand } from './delete.ts';
import { lintEntriesCommand } from './lint.ts';
import { listEntriesCommand } from './list.ts';
import { showEntryCommand } from './show.ts';

export function entryCommand(): Command {
  const noun = new Command('entry').description('registration entries: which process is given which identity');
  for (const verb of [
    createEntryCommand(),
    listEntriesCommand(),
    showEntryCommand(),
    deleteEntryCommand(),
    applyEntriesCommand(),
    lintEntriesCommand(),
  ])
    noun.addCommand(verb.exitOverride());
  return noun;
}
