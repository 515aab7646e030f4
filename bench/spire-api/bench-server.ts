import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { createClient, dialTls } from '#rpc';
import { AdminDefinition } from '#wire/gen/hauberk_admin';

type Definition = Parameters<typeof createClient>[0];

/** PEM. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
}

export type BenchServer = Awaited<ReturnType<typeof startServer>>;

/** A server process of ours with one trust domain, SPIRE's API on both of its listeners, and the rate limits off. */
export async function startServer(directory: string) {
  const adminSocket = join(directory, 'a.sock');
  const config = join(directory, 'server.json');
  const rateLimits = { attestation: 0, renewal: 0, status: 0, publish: 0, x509: 0, jwt: 0, wit: 0 };
  const sync = { host: '127.0.0.1', port: 0 };
  writeFileSync(config, JSON.stringify({ dataDir: join(directory, 'data'), adminSocket, sync, spire: { rateLimits } }));
  const main = join(import.meta.dirname, '../../src/server/main.ts');
  const child = spawn(process.execPath, [main, '--config', config], { stdio: ['ignore', 'pipe', 'ignore'] });
  await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const port = await freePort();
  await applyTrustDomain(adminSocket, port);
  const socketPath = join(directory, 'spire', 'bank-a.sock');
  const opened: { close(): unknown }[] = [];
  const own = <T extends { close(): unknown }>(one: T): T => {
    opened.push(one);
    return one;
  };
  const dial = (identity?: Identity) =>
    dialTls({ host: '127.0.0.1', port, servername: '', verify: () => {}, ...(identity ? { identity } : {}) });
  return {
    pid: child.pid ?? 0,
    own,
    local: <D extends Definition>(definition: D) => own(createClient<D>(definition, { socketPath })),
    tls: <D extends Definition>(definition: D, identity?: Identity) =>
      own(createClient<D>(definition, { dial: () => dial(identity) })),
    dialTls: dial,
    dialLocal: async (): Promise<Duplex> => {
      const socket = connect({ path: socketPath });
      await once(socket, 'connect');
      return socket;
    },
    stop: async () => {
      for (const one of opened) await one.close();
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

async function applyTrustDomain(adminSocket: string, port: number): Promise<void> {
  const admin = createClient(AdminDefinition, { socketPath: adminSocket });
  const spec = { spireApi: { host: '127.0.0.1', port } };
  const domain = { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec };
  await admin.apply({ documentsJson: [JSON.stringify(domain)], dryRun: false });
  await admin.close();
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
