import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCode, silentLog, systemClock, systemRandom } from '#kernel';
import { startPostgres } from '#plugins/postgres';
import type { PostgresAddress } from './address.ts';
import { openPostgres } from './index.ts';

const openssl = existsSync('/usr/bin/openssl') ? false : 'openssl is not installed';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = Object(server.address());
  await new Promise((done) => server.close(done));
  return port;
}

test('over a network the database must prove itself: its name, by an authority that is trusted', {
  skip: openssl,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'hbtls-'));
  const at = (name: string): string => join(directory, name);
  for (const name of ['localhost', 'stranger']) {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', at(`${name}.key`)];
    const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
    execFileSync('/usr/bin/openssl', ['req', '-x509', ...key, '-out', at(`${name}.pem`), '-days', '2', ...names], {
      stdio: 'pipe',
    });
  }
  const port = await freePort();
  const [cert, key] = [readFileSync(at('localhost.pem'), 'utf8'), readFileSync(at('localhost.key'), 'utf8')];
  const listen = { host: '127.0.0.1', port, cert, key } as const;
  const postgres = await startPostgres({ dir: at('pg'), log: silentLog, listen });
  const good: PostgresAddress = {
    host: 'localhost',
    port,
    database: 'postgres',
    user: postgres.superuser,
    passwordFile: postgres.passwordFile,
    caFile: at('localhost.pem'),
  };
  const open = (address: PostgresAddress) =>
    openPostgres({ address, clock: systemClock, random: systemRandom, log: silentLog });
  try {
    const { store, ledgerStore } = await open(good);
    assert.equal(await store.commit({ logs: [{ log: 'bank-a', expected: 0, changes: [] }] }), true);
    await store.close();
    await ledgerStore.close();
    writeFileSync(at('password'), 'wrong');
    const { caFile: _, ...system } = good;
    for (const [what, address] of [
      ['another authority', { ...good, caFile: at('stranger.pem') }],
      ["the system's authorities", system],
      ['another name', { ...good, host: '127.0.0.1' }],
      ['no TLS', { ...good, tls: 'off' as const }],
      ['a wrong password', { ...good, passwordFile: at('password') }],
    ] as const)
      await assert.rejects(open(address), (error) => faultCode(error) === 'STORE_UNAVAILABLE', what);
    const missing = open({ ...good, caFile: at('missing.pem') });
    await assert.rejects(missing, (error) => faultCode(error) === 'CONFIG_UNREADABLE');
  } finally {
    await postgres.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
