import { Command } from 'commander';
import { print } from './target.ts';

const CONFIG = ['--config <file>', 'configuration of the server, JSON'] as const;

/** Loaded when it is asked for: no other command needs the server's code. */
const server = () => import('#server');

export function backupCommand(): Command {
  return new Command('backup')
    .description('write the registry and the ledgers of a server to a file; it may run meanwhile')
    .requiredOption(...CONFIG)
    .argument('<file>', 'file to write')
    .action(async (file: string, { config }: { readonly config: string }) => {
      const { backup, readServerConfig } = await server();
      const rows = await backup(readServerConfig(config), file, new Date().toISOString());
      print(`${rows} rows in ${file}; private keys are not among them`);
    });
}

export function restoreCommand(): Command {
  return new Command('restore')
    .description('fill the empty store of a server that is stopped from a backup, all of it or nothing')
    .requiredOption(...CONFIG)
    .argument('<file>', 'file to read')
    .action(async (file: string, { config }: { readonly config: string }) => {
      const { readServerConfig, restore } = await server();
      print(`${await restore(readServerConfig(config), file)} rows from ${file}`);
    });
}

export function upgradeCommand(): Command {
  return new Command('upgrade')
    .description("bring the store of a server to this version's schema, with a copy of what was there")
    .requiredOption(...CONFIG)
    .action(async ({ config }: { readonly config: string }) => {
      const { readServerConfig, upgrade } = await server();
      for (const { what, from, to, copy } of await upgrade(readServerConfig(config)))
        print(
          from === to
            ? `${what} has schema ${to}`
            : `${what} from schema ${from} to ${to}${copy ? `; copy: ${copy}` : ''}`,
        );
    });
}
