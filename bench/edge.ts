// Proxied requests a second: the edge (session, Txn-Token, internal JWT, mTLS, receipt) against a bare node:http proxy to the same service over TLS.
import { createServer } from 'node:http';
import { Agent, request } from 'node:https';
import { Pool } from 'undici';
import { Browser, type House, startHouse } from '../src/edge/edge.harness.ts';
import type { Figure } from './figure.ts';

const CONNECTIONS = 32;
const WARM_MILLIS = 500;
const TURN_MILLIS = 500;
const TURNS = 4;
const BUDGET = 0.6;

export async function run(): Promise<readonly Figure[]> {
  const house = await startHouse();
  const bare = await startBare(house);
  try {
    await house.startProvider();
    const browser = new Browser();
    await browser.signIn(house);
    const cookie = `__Host-hauberk=${browser.jar.get('bank.localhost')?.get('__Host-hauberk')}`;
    const headers = { host: house.host, cookie, accept: 'application/json' };
    const [limit, value] = await inTurns(
      [
        { port: bare.port, path: '/fixed' },
        { port: house.port, path: '/bank-a/fixed' },
      ],
      headers,
      house,
    );
    const ratio = value / limit;
    return [
      {
        name: 'edge.proxied',
        unit: 'requests/s',
        value,
        limit,
        ratio,
        budget: `>= ${BUDGET} of a bare Node proxy`,
        ok: ratio >= BUDGET,
      },
    ];
  } finally {
    bare.close();
    await house.close();
  }
}

interface Target {
  readonly port: number;
  readonly path: string;
}

/** Each for half a second, one after the other, several times: what else the machine does falls on both. */
async function inTurns(
  [bare, edge]: readonly [Target, Target],
  headers: Record<string, string>,
  house: House,
): Promise<readonly [number, number]> {
  const [loadBare, loadEdge] = [load(bare, headers), load(edge, headers)];
  await loadBare.run(WARM_MILLIS);
  await loadEdge.run(WARM_MILLIS);
  const seconds = (TURNS * TURN_MILLIS) / 1000;
  const done = { bare: 0, edge: 0 };
  for (let turn = 0; turn < TURNS; turn++) {
    house.seen.length = 0;
    house.workload.receipts.length = 0;
    done.bare += await loadBare.run(TURN_MILLIS);
    done.edge += await loadEdge.run(TURN_MILLIS);
  }
  await Promise.all([loadBare.close(), loadEdge.close()]);
  return [Math.round(done.bare / seconds), Math.round(done.edge / seconds)];
}

function load({ port, path }: Target, headers: Record<string, string>) {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS });
  return {
    /** How many were answered in time. */
    run: async (millis: number): Promise<number> => {
      const end = performance.now() + millis;
      let done = 0;
      const work = async (): Promise<void> => {
        while (performance.now() < end) {
          const { statusCode, body } = await pool.request({ method: 'GET', path, headers });
          await body.dump();
          if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
          done++;
        }
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, work));
      return done;
    },
    close: () => pool.close(),
  };
}

async function startBare(house: House): Promise<{ readonly port: number; close(): void }> {
  const endpoint = house.workload.findService('api-gateway.bank-a')?.endpoints[0];
  const agent = new Agent({ keepAlive: true, maxSockets: 128, rejectUnauthorized: false });
  const server = createServer((incoming, response) => {
    const { method, url, headers } = incoming;
    const onward = request({ ...endpoint, agent, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    port: Number(Object(server.address()).port),
    close: () => {
      server.closeAllConnections();
      server.close();
      agent.destroy();
    },
  };
}
