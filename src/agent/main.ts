import { reasonCode } from '#chain';
import { createLog, Fault, LogThreshold, systemClock, systemRandom, toFault } from '#kernel';
import { readAgentConfig } from './config.ts';
import { startAgent } from './start-agent.ts';

const logLevel = new LogThreshold();
const log = createLog({ level: logLevel, fields: { process: 'agent' } });

try {
  const at = process.argv.indexOf('--config');
  const path = at < 0 ? undefined : process.argv[at + 1];
  if (path === undefined) throw new Fault('CONFIG_UNREADABLE', 'say --config FILE');
  const agent = await startAgent({ ...readAgentConfig(path), clock: systemClock, random: systemRandom, log, logLevel });
  process.stdout.write(
    `${JSON.stringify({ ready: true, workloadSocket: agent.workloadSocket, adminSocket: agent.adminSocket })}\n`,
  );
  const stop = (): void =>
    void agent.close().then(
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
