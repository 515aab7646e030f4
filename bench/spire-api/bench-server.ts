import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { createClient, dialTls } from '#rpc';
import { freePort, NO_RATE_LIMITS, ServerProcess, TRUST_DOMAIN } from '../processes.ts';

type Definition = Parameters<typeof createClient>[0];

/** PEM. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
}

export type BenchServer = Awaited<ReturnType<typeof startServer>>;

/** A server process of ours with one trust domain, SPIRE's API on both of its listeners, and the rate limits off. */
export async function startServer(directory: string) {
  const server = await ServerProcess.start(directory, NO_RATE_LIMITS);
  const spireApi = { host: '127.0.0.1', port: await freePort() };
  const metadata = { name: TRUST_DOMAIN };
  await server.apply({ apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata, spec: { spireApi } });
  const opened: { close(): unknown }[] = [];
  const own = <T extends { close(): unknown }>(one: T): T => {
    opened.push(one);
    return one;
  };
  const dial = (identity?: Identity) =>
    dialTls({ ...spireApi, servername: '', verify: () => {}, ...(identity ? { identity } : {}) });
  return {
    pid: server.pid,
    own,
    local: <D extends Definition>(definition: D) => server.local<D>(definition),
    tls: <D extends Definition>(definition: D, identity?: Identity) =>
      own(createClient<D>(definition, { dial: () => dial(identity) })),
    dialTls: dial,
    dialLocal: async (): Promise<Duplex> => {
      const socket = connect({ path: join(directory, 'spire', `${TRUST_DOMAIN}.sock`) });
      await once(socket, 'connect');
      return socket;
    },
    stop: async () => {
      for (const one of opened) await one.close();
      await server.stop();
    },
  };
}
