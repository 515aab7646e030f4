import { reasonCode } from '#chain';
import { runProcess, systemClock, systemRandom } from '#kernel';
import { readAgentConfig } from './config.ts';
import { startAgent } from './start-agent.ts';

await runProcess({
  name: 'agent',
  argv: process.argv,
  exitOf: (code) => reasonCode(code).exit,
  start: async ({ configPath, ...logs }) => {
    const running = await startAgent({
      ...readAgentConfig(configPath),
      clock: systemClock,
      random: systemRandom,
      ...logs,
    });
    return { running, ready: { workloadSocket: running.workloadSocket, adminSocket: running.adminSocket } };
  },
});
