import { reasonCode } from '#chain';
import { createLog, Fault, systemClock, systemRandom, toFault } from '#kernel';
import { readEdgeConfig } from './config.ts';
import { startEdge } from './start-edge.ts';

const log = createLog({ fields: { process: 'edge' } });

try {
  const at = process.argv.indexOf('--config');
  const path = at < 0 ? undefined : process.argv[at + 1];
  if (path === undefined) throw new Fault('CONFIG_UNREADABLE', 'say --config FILE');
  const edge = await startEdge({ ...readEdgeConfig(path), clock: systemClock, random: systemRandom, log });
  process.stdout.write(`${JSON.stringify({ ready: true, http: edge.http, https: edge.https })}\n`);
  const stop = (): void =>
    void edge.close().then(
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
