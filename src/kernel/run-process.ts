import { Fault, toFault } from './fault.ts';
import type { Closeable } from './lifecycle.ts';
import { createLog, type Log, LogThreshold } from './log.ts';

export interface ProcessContext {
  /** The file that `--config` names. */
  readonly configPath: string;
  readonly log: Log;
  readonly logLevel: LogThreshold;
}

export interface ProcessOptions {
  readonly name: string;
  readonly argv: readonly string[];
  /** Exit status of a reason code. */
  readonly exitOf: (code: string) => number;
  /** `ready` is what the starter is told, and nothing secret. */
  readonly start: (context: ProcessContext) => Promise<{ readonly running: Closeable; readonly ready: object }>;
}

/**
 * A process of its own: says on its output in one line of JSON that it is ready, or the fault that stands in the way, and ends in order on
 * SIGTERM and SIGINT.
 */
export async function runProcess({ name, argv, exitOf, start }: ProcessOptions): Promise<void> {
  const logLevel = new LogThreshold();
  const log = createLog({ level: logLevel, fields: { process: name } });
  try {
    const at = argv.indexOf('--config');
    const configPath = at < 0 ? undefined : argv[at + 1];
    if (configPath === undefined) throw new Fault('CONFIG_UNREADABLE', 'say --config FILE');
    const { running, ready } = await start({ configPath, log, logLevel });
    say({ ready: true, ...ready });
    const stop = (): void =>
      void running.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  } catch (error) {
    const fault = toFault(error);
    const { code, message, details } = fault;
    log.error('not started', code === 'INTERNAL_ERROR' ? { error } : { code, reason: message, ...causeOf(fault) });
    // What was opened before the fault must not hold the process.
    say({ fault: { code, message, details } }, () => process.exit(exitOf(code)));
  }
}

/** What an operator can mend has no stack. */
function causeOf({ cause }: Fault): { readonly cause?: string } {
  return cause instanceof Error ? { cause: cause.message } : {};
}

function say(line: object, said?: () => void): void {
  process.stdout.write(`${JSON.stringify(line)}\n`, said);
}
