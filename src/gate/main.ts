import { reasonCode } from '#chain';
import { Lifecycle, runProcess, systemClock, systemRandom } from '#kernel';
import { connectGateWorkload } from './connect-gate-workload.ts';
import { readGateConfig } from './gate-config.ts';
import { startGate } from './start-gate.ts';

await runProcess({
  name: 'gate',
  argv: process.argv,
  exitOf: (code) => reasonCode(code).exit,
  start: async ({ configPath, log }) => {
    const running = new Lifecycle();
    const config = readGateConfig(configPath);
    const common = { clock: systemClock, log };
    const workload = running.own(await connectGateWorkload({ agentSocket: config.agentSocket, ...common }));
    const gate = running.own(await startGate({ ...config, workload, random: systemRandom, ...common }));
    return { running, ready: { host: config.listen.host, port: gate.port } };
  },
});
