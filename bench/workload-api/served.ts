// Child process: a server and an agent with one workload, whoever asks. Says its socket; ends with its stdin.
import { withHouse } from '../../src/agent/agent.harness.ts';

await withHouse(async ({ socket }) => {
  process.stdout.write(`${JSON.stringify({ socket })}\n`);
  await new Promise((resolve) => process.stdin.resume().once('end', resolve));
});
process.exit(0);
