import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { createLog, Fault, systemClock, systemRandom } from '#kernel';
import {
  type CheckResult,
  firstScreen,
  type RunningUp,
  readUpEnvironment,
  reportJson,
  reportOf,
  reportText,
  startUp,
} from '#up';
import { print } from './target.ts';

interface Options {
  readonly check?: true;
  readonly json?: true;
  readonly runDir?: string;
}

const ROOT = join(import.meta.dirname, '..', '..');

export function upCommand(): Command {
  return new Command('up')
    .description('bring an environment up on this machine')
    .argument('<file>', 'Environment document')
    .option('--check', 'play the environment’s story, print the chain, and end')
    .option('--json', 'with --check: one JSON document on standard output')
    .option('--run-dir <directory>', 'where sockets, logs and data go')
    .action(async (file: string, options: Options) => {
      const stop = interruption();
      const up = await start(file, options);
      try {
        if (options.check === true) await Promise.race([check(up, options), stop.then(interrupted)]);
        else await serve(up, stop);
      } finally {
        await up.close();
      }
    });
}

function start(file: string, options: Options): Promise<RunningUp> {
  const { stderr } = process;
  return startUp({
    file,
    root: ROOT,
    check: options.check === true,
    environment: readUpEnvironment(),
    clock: systemClock,
    random: systemRandom,
    log: createLog({ level: 'warn' }),
    say: (line) => stderr.write(`hauberk: ${line}\n`),
    ...(options.runDir === undefined ? {} : { runDirectory: resolve(options.runDir) }),
  });
}

async function serve(up: RunningUp, stop: Promise<void>): Promise<void> {
  print(`\n${await firstScreen(up, systemClock.now())}`);
  await stop;
  process.stderr.write('hauberk: stopping\n');
}

async function check(up: RunningUp, options: Options): Promise<void> {
  const started = systemClock.monotonic();
  const play = await checkModule(up);
  const report = reportOf(await play(up.checkContext), systemClock.monotonic() - started);
  print(options.json === true ? reportJson(report) : reportText(report));
  process.exitCode = report.ok ? 0 : 1;
}

async function checkModule(up: RunningUp): Promise<(context: unknown) => Promise<CheckResult>> {
  const name = up.plan.spec.check?.module;
  if (name === undefined) throw new Fault('CONFIG_INVALID', `${up.plan.file} has no spec.check`);
  const module: unknown = await import(pathToFileURL(join(up.plan.directory, name)).href);
  const play: unknown = Object(module).default;
  if (typeof play !== 'function') throw new Fault('CONFIG_INVALID', `${name} has no default function`);
  return async (context) => play(context);
}

function interrupted(): never {
  throw new Fault('DEADLINE_EXCEEDED', 'the check was interrupted');
}

/** Resolves at the first Ctrl-C or TERM; a second one ends at once (the leases then end the children). */
function interruption(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(130);
        asked = true;
        resolve();
      });
    }
  });
}
