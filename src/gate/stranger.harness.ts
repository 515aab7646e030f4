// A PostgreSQL server that is not ours: over TCP and TLS, with an authority of its own, and owners without a superuser's rights.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Lifecycle, silentLog } from '#kernel';
import { type RunningPostgres, startPostgres } from '#plugins/postgres';

/** Debian's versions that are installed, and the npm registry's. */
export const VERSIONS: readonly (readonly [name: string, bin: string | undefined])[] = [
  ['of the npm registry', undefined],
  ...['15', '16', '17']
    .map((version) => [`${version} of Debian`, `/usr/lib/postgresql/${version}/bin`] as const)
    .filter(([, bin]) => existsSync(join(bin, 'initdb'))),
];
export const openssl = existsSync('/usr/bin/openssl') ? false : 'openssl is not installed';

export interface Stranger {
  readonly postgres: RunningPostgres;
  readonly directory: string;
  readonly caFile: string;
  /** Of an authority that signed nothing here. */
  readonly otherCaFile: string;
  /** `user:password@localhost:port`, the superuser's. */
  readonly superuser: string;
  url(user: string, database: string, query?: string): string;
  query(sql: string): Promise<void>;
  /** The first value of the first row. */
  ask(sql: string): Promise<unknown>;
  /** Puts a line before those of `pg_hba.conf`. */
  access(line: string): Promise<void>;
  close(): Promise<void>;
}

export async function startStranger(bin: string | undefined): Promise<Stranger> {
  const lifecycle = new Lifecycle();
  const directory = mkdtempSync(join(tmpdir(), 'hbstr-'));
  lifecycle.defer(() => rmSync(directory, { recursive: true, force: true }));
  const files = certificates(directory);
  const port = await freePort();
  const [cert, key] = [readFileSync(files.cert, 'utf8'), readFileSync(files.key, 'utf8')];
  const listen = { host: '127.0.0.1', port, cert, key } as const;
  const found = bin === undefined ? {} : { bin };
  const postgres = lifecycle.own(await startPostgres({ dir: join(directory, 'pg'), log: silentLog, listen, ...found }));
  const password = readFileSync(postgres.passwordFile, 'utf8');
  const url: Stranger['url'] = (user, database, query = `?sslmode=verify-full&sslrootcert=${files.ca}`) =>
    `postgres://${user}@localhost:${port}/${database}${query}`;
  const superuser = `${postgres.superuser}:${password}`;
  const ask: Stranger['ask'] = async (sql) => {
    const client = new pg.Client({ host: postgres.socketDir, port, user: postgres.superuser, password });
    await client.connect();
    const { rows } = await client.query(sql).finally(() => client.end());
    return Object.values(Object(rows?.[0]))[0];
  };
  const query: Stranger['query'] = async (sql) => void (await ask(sql));
  const hba = join(directory, 'pg', 'data', 'pg_hba.conf');
  return {
    postgres,
    directory,
    caFile: files.ca,
    otherCaFile: files.otherCa,
    superuser,
    url,
    query,
    ask,
    access: async (line) => {
      writeFileSync(hba, `${line}\n${readFileSync(hba, 'utf8')}`);
      await query('SELECT pg_reload_conf()');
    },
    close: () => lifecycle.close(),
  };
}

function certificates(directory: string): Readonly<Record<'ca' | 'otherCa' | 'cert' | 'key', string>> {
  const at = (name: string): string => join(directory, name);
  const make = (...args: readonly string[]): void => void execFileSync('/usr/bin/openssl', args, { stdio: 'pipe' });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const name of ['ca', 'other']) {
    const out = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)];
    make('req', '-x509', ...ec, ...out, '-days', '2', '-subj', `/CN=${name}`);
  }
  writeFileSync(at('names'), 'subjectAltName=DNS:localhost\n');
  make('req', ...ec, '-keyout', at('server.key'), '-out', at('server.csr'), '-subj', '/CN=database');
  const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial'];
  const files = ['-in', at('server.csr'), '-out', at('server.pem'), '-extfile', at('names')];
  make('x509', '-req', ...files, ...signer, '-days', '2');
  return { ca: at('ca.pem'), otherCa: at('other.pem'), cert: at('server.pem'), key: at('server.key') };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = Object(server.address());
  await new Promise((done) => server.close(done));
  return port;
}
