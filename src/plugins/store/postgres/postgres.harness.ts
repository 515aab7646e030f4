import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import pg from 'pg';
import { silentLog } from '#kernel';
import { startPostgres } from '#plugins/postgres';
import type { PostgresAddress } from './address.ts';

export interface TestServer {
  /** A database that nobody has used. */
  database(): Promise<PostgresAddress>;
  query(address: PostgresAddress, sql: string): Promise<readonly Record<string, unknown>[]>;
}

/** A real PostgreSQL server for the tests of one file; ends with them. */
export async function testServer(): Promise<TestServer> {
  const dir = await mkdtemp(join(tmpdir(), 'hbst-'));
  const server = await startPostgres({ dir, log: silentLog, environment: {} });
  after(async () => {
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const { socketDir: host, port, superuser: user, passwordFile } = server;
  const address = { host, port, user, passwordFile };
  let made = 0;
  const query: TestServer['query'] = async ({ database }, sql) => {
    const client = new pg.Client({ host, port, user, database, password: readFileSync(passwordFile, 'utf8') });
    await client.connect();
    const { rows } = await client.query(sql);
    await client.end();
    return rows;
  };
  return {
    query,
    database: async () => {
      const database = `test_${made++}`;
      await query({ ...address, database: 'postgres' }, `CREATE DATABASE ${database}`);
      // Nothing here outlives its test: no commit needs to wait for the disk.
      await query({ ...address, database: 'postgres' }, `ALTER DATABASE ${database} SET synchronous_commit = off`);
      return { ...address, database };
    },
  };
}

/** Stands between a store and its server: counts what the store sends, and cuts its connections. */
export interface Proxy {
  readonly address: PostgresAddress;
  sent(): number;
  /** Ends every connection, and refuses new ones until `mend`. */
  cut(): void;
  mend(): void;
}

export async function proxyTo(target: PostgresAddress): Promise<Proxy> {
  const dir = await mkdtemp(join(tmpdir(), 'hbpx-'));
  const sockets = new Set<Socket>();
  let [sent, refusing] = [0, false];
  const server = createServer((near) => {
    if (refusing) return void near.destroy();
    const far = connect(join(target.host, `.s.PGSQL.${target.port}`));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    near.on('data', () => sent++);
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((listening) => server.listen(join(dir, `.s.PGSQL.${target.port}`), listening));
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    address: { ...target, host: dir },
    sent: () => sent,
    cut: () => {
      refusing = true;
      for (const socket of sockets) socket.destroy();
    },
    mend: () => {
      refusing = false;
    },
  };
}
