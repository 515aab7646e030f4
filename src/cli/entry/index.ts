import { Command } from 'commander';
import { createEntryCommand } from './create.ts';
import { deleteEntryCommand } from './delete.ts';
import { listEntriesCommand } from './list.ts';

export function entryCommand(): Command {
  const noun = new Command('entry').description('registration entries: which process is given which identity');
  for (const verb of [createEntryCommand(), listEntriesCommand(), deleteEntryCommand()])
    noun.addCommand(verb.exitOverride());
  return noun;
}
