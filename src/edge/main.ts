import { reasonCode } from '#chain';
import { runProcess, systemClock, systemRandom } from '#kernel';
import { readEdgeConfig } from './config.ts';
import { startEdge } from './start-edge.ts';

await runProcess({
  name: 'edge',
  argv: process.argv,
  exitOf: (code) => reasonCode(code).exit,
  start: async ({ configPath, log }) => {
    const running = await startEdge({ ...readEdgeConfig(configPath), clock: systemClock, random: systemRandom, log });
    return { running, ready: { http: running.http, https: running.https } };
  },
});
