import { Fault, type LogLevel as Level, type LogThreshold } from '#kernel';
import { type Logger, LogLevel } from '#wire/gen/spire/api/types';

const LEVELS: Readonly<Record<Level, LogLevel>> = {
  debug: LogLevel.DEBUG,
  info: LogLevel.INFO,
  warn: LogLevel.WARN,
  error: LogLevel.ERROR,
};
/** SPIRE's levels; ours are four. */
const NEAREST: Readonly<Partial<Record<LogLevel, Level>>> = {
  [LogLevel.PANIC]: 'error',
  [LogLevel.FATAL]: 'error',
  [LogLevel.ERROR]: 'error',
  [LogLevel.WARN]: 'warn',
  [LogLevel.INFO]: 'info',
  [LogLevel.DEBUG]: 'debug',
  [LogLevel.TRACE]: 'debug',
};

/** The methods of `spire.api.{agent,server}.logger.v1.Logger`. */
export function loggerHandlers(threshold: LogThreshold) {
  const now = (): Logger => ({ currentLevel: LEVELS[threshold.current], launchLevel: LEVELS[threshold.launch] });
  return {
    getLogger: async () => now(),
    setLogLevel: async ({ newLevel }: { readonly newLevel: LogLevel }) => {
      const level = NEAREST[newLevel];
      if (level === undefined) throw new Fault('ARGUMENT_INVALID', 'no such log level');
      threshold.set(level);
      return now();
    },
    resetLogLevel: async () => {
      threshold.reset();
      return now();
    },
  };
}
