import { Command } from 'commander';
import { setBundleCommand } from './set.ts';
import { showBundleCommand } from './show.ts';

export function bundleCommand(): Command {
  const noun = new Command('bundle').description('the keys that a trust domain is known by');
  for (const verb of [showBundleCommand(), setBundleCommand()]) noun.addCommand(verb.exitOverride());
  return noun;
}
