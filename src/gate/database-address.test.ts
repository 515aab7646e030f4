import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { readDatabaseAddress } from './database-address.ts';

const FULL = { ca: undefined, verify: 'full' } as const;

const cases = [
  ['postgres://me:p%40ss@db.example:6000/x', { kind: 'tcp', host: 'db.example', port: 6000, tls: FULL }, 'me', 'p@ss'],
  ['postgres://me@localhost/x', { kind: 'tcp', host: 'localhost', port: 5432, tls: undefined }, 'me', undefined],
  ['postgresql://me@[::1]/x?sslmode=verify-full', { kind: 'tcp', host: '::1', port: 5432, tls: FULL }, 'me', undefined],
  ['postgres://me:x@%2Frun%2Fpg/x', { kind: 'unix', directory: '/run/pg', port: 5432 }, 'me', 'x'],
  ['postgres:///x?host=/run/pg&user=me&password=y', { kind: 'unix', directory: '/run/pg', port: 5432 }, 'me', 'y'],
] as const;
for (const [connectionString, at, user, password] of cases) {
  test(`the address in ${connectionString.replace(/:[^:@/]+@/, ':…@')} is read`, () => {
    const address = readDatabaseAddress({ connectionString, name: 'bank' });
    assert.deepEqual(address.at, at);
    assert.equal(address.user, user);
    assert.equal(address.password?.reveal(), password);
    assert.equal(address.name, 'x');
  });
}

test('what is no URL is refused without being shown', () => {
  const read = (): unknown => readDatabaseAddress({ connectionString: 'host=db password=x', name: 'bank' });
  assert.throws(read, (error) => faultCode(error) === 'CONFIG_INVALID' && !String(error).includes('password'));
});

for (const path of ['', '/', '/postgres', '/template1']) {
  test(`a URL that names ${path === '' ? 'no database' : path} means the server: the data's is made there`, () => {
    assert.equal(
      readDatabaseAddress({ connectionString: `postgres://me@localhost${path}`, name: 'bank' }).name,
      'bank',
    );
  });
}

const tls = [
  ['localhost', '', undefined],
  ['127.0.0.1', '?sslmode=prefer', undefined],
  ['db.example', '?sslmode=disable', undefined],
  ['db.example', '', 'full'],
  ['db.example', '?sslmode=prefer', 'full'],
  ['db.example', '?sslmode=allow', 'full'],
  ['db.example', '?sslmode=require', 'full'],
  ['localhost', '?sslmode=require', 'full'],
  ['localhost', '?sslmode=verify-ca', 'ca'],
] as const;
for (const [host, query, verify] of tls) {
  test(`to ${host} with "${query}" the server is verified: ${verify ?? 'no TLS'}`, () => {
    const { at } = readDatabaseAddress({ connectionString: `postgres://me@${host}/x${query}`, name: 'bank' });
    assert.equal(at.kind === 'tcp' && at.tls?.verify, verify);
  });
}

for (const [query, code] of [
  ['?sslmode=no-verify', 'CONFIG_INVALID'],
  ['?sslrootcert=/nowhere/ca.pem', 'CONFIG_UNREADABLE'],
] as const) {
  test(`"${query}" is refused`, () => {
    const read = (): unknown => readDatabaseAddress({ connectionString: `postgres://me@db/x${query}`, name: 'bank' });
    assert.throws(read, (error) => faultCode(error) === code);
  });
}

for (const connectionString of ['mysql://me@db/x', 'postgres://me:%zz@db/x', 'x']) {
  test(`"${connectionString}" is no address of a database`, () => {
    const read = (): unknown => readDatabaseAddress({ connectionString, name: 'bank' });
    assert.throws(read, (error) => faultCode(error) === 'CONFIG_INVALID');
  });
}
