import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { readDatabaseAddress } from './database-address.ts';

const cases = [
  ['postgres://me:p%40ss@db.example:6000/x', { kind: 'tcp', host: 'db.example', port: 6000, tls: false }, 'me', 'p@ss'],
  ['postgresql://me@[::1]/x?sslmode=verify-full', { kind: 'tcp', host: '::1', port: 5432, tls: true }, 'me', undefined],
  ['postgres://me:x@%2Frun%2Fpg/x', { kind: 'unix', directory: '/run/pg', port: 5432 }, 'me', 'x'],
  ['postgres:///x?host=/run/pg&user=me&password=y', { kind: 'unix', directory: '/run/pg', port: 5432 }, 'me', 'y'],
] as const;
for (const [connectionString, at, user, password] of cases) {
  test(`the address in ${connectionString.replace(/:[^:@/]+@/, ':…@')} is read`, () => {
    const address = readDatabaseAddress({ connectionString, name: 'bank' });
    assert.deepEqual(address.at, at);
    assert.equal(address.user, user);
    assert.equal(address.password?.reveal(), password);
    assert.equal(address.name, 'bank');
  });
}

test('what is no URL is refused without being shown', () => {
  const read = (): unknown => readDatabaseAddress({ connectionString: 'host=db password=x', name: 'bank' });
  assert.throws(read, (error) => faultCode(error) === 'CONFIG_INVALID' && !String(error).includes('password'));
});
