// The other end of bench/hop.ts, in a thread of its own: a service of the SDK, and one of plain node:http that does the same.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { pooledRandom, systemClock, systemRandom, unixSeconds } from '#kernel';
import { ReceiptReporter } from '#wire';
import { Identity } from '../../src/sdk/identity.ts';
import { anyone, message, service } from '../../src/sdk/serve.harness.ts';
import { createGuardedServer } from '../../src/sdk/serve.ts';

const identity = new Identity(systemClock);
identity.apply(message(systemClock, workerData.authority));
const reporter = new ReceiptReporter(async () => undefined);
const body = JSON.stringify({ balance: 100 });
const guarded = createGuardedServer(
  {
    ...{
      identity,
      enforcement: anyone(unixSeconds(systemClock)),
      clock: systemClock,
      random: pooledRandom(systemRandom),
    },
    self: () => service,
    reserve: () => reporter.reserve(),
    fetch: () => Promise.reject(),
  },
  async () => ({ body }),
);
const plain = createServer((_request, response) => response.end(body));
parentPort?.postMessage({ guarded: await listen(guarded), plain: await listen(plain) });

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Number(Object(server.address()).port);
}
