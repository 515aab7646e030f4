import { reasonCode } from '#chain';
import { runProcess, systemClock, systemRandom } from '#kernel';
import { readServerConfig } from './config.ts';
import { startServer } from './start-server.ts';

await runProcess({
  name: 'server',
  argv: process.argv,
  exitOf: (code) => reasonCode(code).exit,
  start: async ({ configPath, ...logs }) => {
    const running = await startServer({
      ...readServerConfig(configPath),
      clock: systemClock,
      random: systemRandom,
      ...logs,
    });
    return { running, ready: { adminSocket: running.adminSocket, sync: running.sync } };
  },
});
