import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { isReasonCode, reasonCode } from '#chain';
import { toFault } from '#kernel';
import { applyCommand } from './apply.ts';
import { authorityCommand } from './authority/index.ts';
import { backupCommand, restoreCommand, upgradeCommand } from './backup.ts';
import { entryCommand } from './entry/index.ts';
import { ledgerCommand } from './ledger/index.ts';
import { processCommands } from './process.ts';
import { runCommand } from './run.ts';
import { statusCommand } from './status.ts';
import { systemFault } from './system-fault.ts';
import { upCommand } from './up.ts';
import { whyCommand } from './why.ts';

/** Runs one command line; resolves to the exit status. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const program = new Command('hauberk')
    .description('one identity, unbroken, from the user’s click to the database row')
    .version(version())
    .enablePositionalOptions()
    .exitOverride();
  for (const command of [
    upCommand(),
    runCommand(),
    whyCommand(),
    statusCommand(),
    applyCommand(),
    entryCommand(),
    authorityCommand(),
    ledgerCommand(),
    backupCommand(),
    restoreCommand(),
    upgradeCommand(),
    ...processCommands(),
  ]) {
    program.addCommand(command.exitOverride());
  }
  try {
    await program.parseAsync([...argv]);
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    return report(error);
  }
}

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
