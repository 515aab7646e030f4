import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { Fault } from '#kernel';

const PROCESSES = {
  server: 'the authority, registry and ledger',
  agent: 'the agent of one node',
  edge: 'the front door',
  gate: 'the database gate',
} as const;

/** `hauberk server --config file` and its like: each runs its room's `main`, with this process's streams and signals. */
export function processCommands(): readonly Command[] {
  return Object.entries(PROCESSES).map(([room, description]) =>
    new Command(room)
      .description(description)
      .requiredOption('--config <file>', 'configuration, JSON')
      .action(async ({ config }: { readonly config: string }) => {
        process.exitCode = await runRoom(room, config);
      }),
  );
}

function runRoom(room: string, config: string): Promise<number> {
  const main = ['main.ts', 'main.js'].map((name) => join(import.meta.dirname, '..', room, name)).find(existsSync);
  if (main === undefined) throw new Fault('NOT_FOUND', `there is no process ${room}`);
  const child = spawn(process.execPath, [main, '--config', config], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.once('exit', (status) => resolve(status ?? 70)));
}
