import { Command } from 'commander';
import { Fault } from '#kernel';
import { print } from './target.ts';

const CONFIG = ['--config <file>', 'configuration of the server, JSON'] as const;
const PASSPHRASE = ['--passphrase-file <file>', 'what seals the private keys in the backup'] as const;

/** Loaded when it is asked for: no other command needs the server's code. */
const server = () => import('#server');

export function backupCommand(): Command {
  return new Command('backup')
    .description('write the registry and the ledgers of a server to a file; it may run meanwhile')
    .requiredOption(...CONFIG)
    .option('--with-keys', 'the private keys on its disk too, sealed with --passphrase-file')
    .option(...PASSPHRASE)
    .argument('<file>', 'file to write')
    .action(async (file: string, { config, withKeys, passphraseFile }: BackupOptions) => {
      if ((withKeys === true) !== (passphraseFile !== undefined))
        throw new Fault('ARGUMENT_INVALID', '--with-keys and --passphrase-file go together');
      const { backup, readPassphrase, readServerConfig } = await server();
      const keys = passphraseFile === undefined ? {} : { keys: await readPassphrase(passphraseFile) };
      const rows = await backup(readServerConfig(config), file, { createdAt: new Date().toISOString(), ...keys });
      const said = withKeys ? 'private keys are among them, sealed' : 'private keys on its disk are not among them';
      print(`${rows} rows in ${file}; ${said}`);
    });
}

interface BackupOptions {
  readonly config: string;
  readonly withKeys?: true;
  readonly passphraseFile?: string;
}

interface RestoreOptions {
  readonly config: string;
  readonly passphraseFile?: string;
  /** False for `--no-keys`. */
  readonly keys: boolean;
}

export function restoreCommand(): Command {
  return new Command('restore')
    .description('fill the empty store of a server that is stopped from a backup, all of it or nothing')
    .requiredOption(...CONFIG)
    .option(...PASSPHRASE)
    .option('--no-keys', 'leave private keys of the backup where they are')
    .argument('<file>', 'file to read')
    .action(async (file: string, { config, passphraseFile, keys }: RestoreOptions) => {
      const { readPassphrase, readServerConfig, restore } = await server();
      const passphrase = passphraseFile === undefined ? {} : { keys: await readPassphrase(passphraseFile) };
      const place = readServerConfig(config);
      const restored = await restore(place, file, { ...passphrase, withoutKeys: !keys });
      print(`${restored.rows} rows from ${file}`);
      if (restored.keys > 0) print(`${restored.keys} files of private keys in ${place.dataDir}/keys`);
      else if ((place.authority?.keys?.kind ?? 'disk') === 'disk')
        print(`no private keys: copy them to ${place.dataDir}/keys before the server starts, or it makes new ones`);
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
