import { isFault } from './fault.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/** A constant sentence and fields. Never a token, key or password: hashes and ids only. */
export interface Log {
  debug(sentence: string, fields?: LogFields): void;
  info(sentence: string, fields?: LogFields): void;
  warn(sentence: string, fields?: LogFields): void;
  error(sentence: string, fields?: LogFields): void;
  /** A log whose lines all carry `fields`. */
  child(fields: LogFields): Log;
}

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

/** A level that can be moved while the process runs. */
export class LogThreshold {
  readonly launch: LogLevel;
  #current: LogLevel;

  constructor(launch: LogLevel = 'info') {
    this.launch = launch;
    this.#current = launch;
  }

  get current(): LogLevel {
    return this.#current;
  }

  set(level: LogLevel): void {
    this.#current = level;
  }

  reset(): void {
    this.#current = this.launch;
  }
}

export interface LogOptions {
  readonly level?: LogLevel | LogThreshold;
  readonly fields?: LogFields;
  readonly write?: (line: string) => void;
  readonly now?: () => number;
}

/** JSON lines, one object a line, the field names of pino (`level`, `time`, `msg`), so that Loki and pino's tools read them. */
export function createLog(options: LogOptions = {}): Log {
  const { level: threshold = 'info' } = options;
  const write = options.write ?? ((line: string) => process.stderr.write(line));
  const now = options.now ?? Date.now;
  const base = options.fields ?? {};
  const emit = (level: LogLevel, sentence: string, fields: LogFields = {}): void => {
    if (LEVELS[level] < LEVELS[threshold instanceof LogThreshold ? threshold.current : threshold]) return;
    const line = { level: LEVELS[level], time: now(), msg: sentence, ...base, ...describe(fields) };
    write(`${JSON.stringify(line)}\n`);
  };
  return {
    debug: (sentence, fields) => emit('debug', sentence, fields),
    info: (sentence, fields) => emit('info', sentence, fields),
    warn: (sentence, fields) => emit('warn', sentence, fields),
    error: (sentence, fields) => emit('error', sentence, fields),
    child: (fields) => createLog({ ...options, fields: { ...base, ...fields } }),
  };
}

export const silentLog: Log = createLog({ write: () => {} });

function describe(fields: LogFields): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) out[key] = value instanceof Error ? describeError(value) : value;
  return out;
}

function describeError(error: Error): Record<string, unknown> {
  const cause = error.cause instanceof Error ? { cause: describeError(error.cause) } : {};
  if (isFault(error)) return { code: error.code, message: error.message, ...cause };
  return { type: error.name, message: error.message, stack: error.stack, ...cause };
}
