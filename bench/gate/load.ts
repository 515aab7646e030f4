// The load of bench/gate.ts, in a process of its own: reads one job from its standard input, writes what it measured.
import pg from 'pg';

export interface Job {
  readonly connection: pg.ClientConfig;
  readonly clients: number;
  readonly millis: number;
  /** Statements of one round, one after another; `$1` is bound to a number. */
  readonly round: readonly string[];
}

export interface Measured {
  readonly perSecond: number;
  readonly p50Millis: number;
}

const WARM_MILLIS = 300;

async function measure({ connection, clients, millis, round }: Job): Promise<Measured> {
  const open = async (): Promise<pg.Client> => {
    const client = new pg.Client(connection);
    await client.connect();
    return client;
  };
  const all = await Promise.all(Array.from({ length: clients }, open));
  const run = async (until: number): Promise<number[]> => {
    const took: number[] = [];
    const work = async (client: pg.Client): Promise<void> => {
      for (let start = performance.now(); start < until; start = performance.now()) {
        for (const text of round) await client.query(text, text.includes('$1') ? [7] : undefined);
        took.push(performance.now() - start);
      }
    };
    await Promise.all(all.map(work));
    return took;
  };
  await run(performance.now() + WARM_MILLIS);
  const start = performance.now();
  const took = (await run(start + millis)).sort((a, b) => a - b);
  const seconds = (performance.now() - start) / 1000;
  await Promise.all(all.map((client) => client.end()));
  return { perSecond: Math.round(took.length / seconds), p50Millis: took[took.length >> 1] ?? 0 };
}

let text = '';
for await (const chunk of process.stdin) text += String(chunk);
process.stdout.write(JSON.stringify(await measure(JSON.parse(text))));
