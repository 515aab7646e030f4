import { reasonCode } from '#chain';
import { createLog, Fault, LogThreshold, systemClock, systemRandom, toFault } from '#kernel';
import { readServerConfig } from './config.ts';
import { startServer } from './start-server.ts';

const logLevel = new LogThreshold();
const log = createLog({ level: logLevel, fields: { process: 'server' } });

try {
  const at = process.argv.indexOf('--config');
  const path = at < 0 ? undefined : process.argv[at + 1];
  if (path === undefined) throw new Fault('CONFIG_UNREADABLE', 'say --config FILE');
  const server = await startServer({
    ...readServerConfig(path),
    clock: systemClock,
    random: systemRandom,
    log,
    logLevel,
  });
  process.stdout.write(`${JSON.stringify({ ready: true, adminSocket: server.adminSocket, sync: server.sync })}\n`);
  const stop = (): void =>
    void server.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  const fault = toFault(error);
  log.error('not started', { error });
  process.stdout.write(
    `${JSON.stringify({ fault: { code: fault.code, message: fault.message, details: fault.details } })}\n`,
  );
  process.exitCode = reasonCode(fault.code).exit;
}
