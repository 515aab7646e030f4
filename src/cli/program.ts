import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { isReasonCode, reasonCode } from '#chain';
import { toFault } from '#kernel';
import { applyCommand } from './apply.ts';
import { authorityCommand } from './authority/index.ts';
import { backupCommand, restoreCommand, upgradeCommand } from './backup.ts';
import { bundleCommand } from './bundle/index.ts';
import { doctorCommand } from './doctor.ts';
import { entryCommand } from './entry/index.ts';
import { explainCommand } from './explain/index.ts';
import { federationCommand } from './federation/index.ts';
import { ledgerCommand } from './ledger/index.ts';
import { processCommands } from './process.ts';
import { receiptsCommand } from './receipts.ts';
import { revocationCommand, revokeCommand } from './revocation/index.ts';
import { runCommand } from './run.ts';
import { statusCommand } from './status.ts';
import { systemFault } from './system-fault.ts';
import { upCommand } from './up.ts';
import { whyCommand } from './why.ts';

/** Runs one command line; resolves to the exit status. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  try {
    await commandLine().parseAsync([...argv]);
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    return report(error);
  }
}

/** Every command, in the order in which they are met; the reference page is made of it. */
export function commandLine(): Command {
  const program = new Command('hauberk')
    .description('one identity, unbroken, from the user’s click to the database row')
    .version(version(), '--version', 'the version of hauberk')
    .showSuggestionAfterError()
    .enablePositionalOptions()
    .exitOverride();
  for (const [group, commands] of GROUPS) {
    program.commandsGroup(group);
    for (const command of commands()) program.addCommand(command.exitOverride());
  }
  return program.commandsGroup('Help:');
}

const GROUPS: readonly (readonly [string, () => readonly Command[]])[] = [
  ['Run:', () => [upCommand(), runCommand()]],
  [
    'Understand:',
    () => [whyCommand(), explainCommand(), receiptsCommand(), statusCommand(), doctorCommand(), ledgerCommand()],
  ],
  [
    'Change:',
    () => [
      applyCommand(),
      revokeCommand(),
      entryCommand(),
      revocationCommand(),
      authorityCommand(),
      bundleCommand(),
      federationCommand(),
    ],
  ],
  ['Keep:', () => [backupCommand(), restoreCommand(), upgradeCommand()]],
  ['Single processes (hauberk up starts them for you):', processCommands],
];

/** Of the package that this file lies in, as source or as published. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version: named }: { readonly version?: unknown } = JSON.parse(text);
  return String(named);
}

/** sysexits.h: EX_USAGE. */
const USAGE = 64;

function report(error: unknown): number {
  const fault = systemFault(error) ?? toFault(error);
  const id = fault.details.id;
  const hint = typeof id === 'string' ? ` (id ${id})` : '';
  process.stderr.write(`hauberk: ${fault.code}: ${fault.message}${hint}\n`);
  if (!isReasonCode(fault.code) || fault.code === 'INTERNAL_ERROR') {
    const { cause } = fault;
    if (cause instanceof Error) process.stderr.write(`  ${cause.stack ?? cause.message}\n`);
  }
  return reasonCode(fault.code).exit;
}
