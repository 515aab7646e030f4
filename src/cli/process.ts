import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { Fault } from '#kernel';
import { withAgentVerbs } from './agent/index.ts';

const PROCESSES = {
  server: 'the authority, registry and ledger',
  agent: 'the agent of one node',
  edge: 'the front door',
  gate: 'the database gate',
} as const;

/** `hauberk server --config file` and its like: each runs its room's `main`, with this process's streams and signals. */
export function processCommands(): readonly Command[] {
  return Object.entries(PROCESSES).map(([room, description]) => {
    const command = new Command(room)
      .description(description)
      // Not `requiredOption`: commander would ask it of the verbs below the command too.
      .option('--config <file>', 'configuration, JSON (required)')
      .action(async ({ config }: { readonly config?: string }) => {
        if (config === undefined) return command.error("error: required option '--config <file>' not specified");
        process.exitCode = await runRoom(room, config);
      });
    return room === 'agent' ? withAgentVerbs(command) : command;
  });
}

function runRoom(room: string, config: string): Promise<number> {
  const main = ['main.ts', 'main.js'].map((name) => join(import.meta.dirname, '..', room, name)).find(existsSync);
  if (main === undefined) throw new Fault('NOT_FOUND', `there is no process ${room}`);
  const child = spawn(process.execPath, [main, '--config', config], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.once('exit', (status) => resolve(status ?? 70)));
}
