import { reasonCode } from '#chain';
import { createLog, Fault, Lifecycle, systemClock, systemRandom, toFault } from '#kernel';
import { connectGateWorkload } from './connect-gate-workload.ts';
import { readGateConfig } from './gate-config.ts';
import { startGate } from './start-gate.ts';

const log = createLog({ fields: { process: 'gate' } });
const lifecycle = new Lifecycle();

try {
  const at = process.argv.indexOf('--config');
  const path = at < 0 ? undefined : process.argv[at + 1];
  if (path === undefined) throw new Fault('CONFIG_UNREADABLE', 'say --config FILE');
  const config = readGateConfig(path);
  const common = { clock: systemClock, log };
  const workload = lifecycle.own(await connectGateWorkload({ agentSocket: config.agentSocket, ...common }));
  const gate = lifecycle.own(await startGate({ ...config, workload, random: systemRandom, ...common }));
  process.stdout.write(`${JSON.stringify({ ready: true, host: config.listen.host, port: gate.port })}\n`);
  const stop = (): void =>
    void lifecycle.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  const { code, message, details } = toFault(error);
  log.error('not started', { error });
  process.stdout.write(`${JSON.stringify({ fault: { code, message, details } })}\n`);
  process.exit(reasonCode(code).exit);
}
