import { Fault, type LogLevel as Level, type LogThreshold } from '#kernel';
import { bindService, type PeerCredentials, type ServiceBinding } from '#rpc';
import { LoggerDefinition } from '#wire/gen/spire/api/agent/logger';
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

/** `spire.api.agent.logger.v1.Logger` on the admin socket. */
export function loggerService(threshold: LogThreshold): ServiceBinding<PeerCredentials> {
  const now = (): Logger => ({ currentLevel: LEVELS[threshold.current], launchLevel: LEVELS[threshold.launch] });
  return bindService<typeof LoggerDefinition, PeerCredentials>(LoggerDefinition, {
    getLogger: async () => now(),
    setLogLevel: async ({ newLevel }) => {
      const level = NEAREST[newLevel];
      if (level === undefined) throw new Fault('ARGUMENT_INVALID', 'no such log level');
      threshold.set(level);
      return now();
    },
    resetLogLevel: async () => {
      threshold.reset();
      return now();
    },
  });
}
