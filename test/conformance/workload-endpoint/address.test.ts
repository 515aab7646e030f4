import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findEndpointAddress, parseEndpointAddress } from '#spiffe';
import { rejects } from '../rejects.ts';

const refuses = (...uris: readonly string[]): void => {
  for (const uri of uris) rejects(() => parseEndpointAddress(uri), 'ENDPOINT_ADDRESS_INVALID');
};

test('E-5 accepts the address that is given before that of SPIFFE_ENDPOINT_SOCKET', () => {
  assert.deepEqual(findEndpointAddress('unix:///given', 'unix:///environment'), { kind: 'unix', path: '/given' });
  assert.deepEqual(findEndpointAddress(undefined, 'unix:///environment'), { kind: 'unix', path: '/environment' });
  assert.equal(findEndpointAddress(undefined, undefined), undefined);
});
test('E-5 rejects a given address that is none, although the environment has one', () =>
  rejects(() => findEndpointAddress('/given', 'unix:///environment'), 'ENDPOINT_ADDRESS_INVALID'));

test('E-6 accepts the schemes unix and tcp', () => {
  assert.equal(parseEndpointAddress('unix:///a').kind, 'unix');
  assert.equal(parseEndpointAddress('tcp://127.0.0.1:8000').kind, 'tcp');
});
test('E-6 rejects other schemes and none', () =>
  refuses(
    'http://127.0.0.1:1',
    'https:///a',
    '/a',
    'a',
    '',
    'UNIX:///a',
    'npipe:///a',
    'unixs:///a',
    ' unix:///a',
    'dns:///a',
  ));

test('E-7 accepts an absolute path without authority', () => {
  for (const [uri, path] of [
    ['unix:///a', '/a'],
    ['unix:/a', '/a'],
    ['unix:///run/spire/agent.sock', '/run/spire/agent.sock'],
    ['unix:///a%20b', '/a b'],
  ] as const)
    assert.deepEqual(parseEndpointAddress(uri), { kind: 'unix', path });
});
test('E-7 rejects an authority, a relative path, a query and a fragment', () =>
  refuses(
    'unix://a',
    'unix:a',
    'unix://a/b',
    'unix://u@/a',
    'unix:///a?q',
    'unix:///a?',
    'unix:///a#f',
    'unix:///a#',
    'unix:',
    'unix://',
    'unix:////a',
    'unix:///a%00b',
    'unix:///a%zz',
  ));

test('E-8 accepts an IP address with a port', () => {
  assert.deepEqual(parseEndpointAddress('tcp://127.0.0.1:8000'), { kind: 'tcp', host: '127.0.0.1', port: 8000 });
  assert.deepEqual(parseEndpointAddress('tcp://[::1]:1'), { kind: 'tcp', host: '::1', port: 1 });
});
test('E-8 rejects names, missing ports and everything after the port', () =>
  refuses(
    'tcp://localhost:1',
    'tcp://1.2.3.4',
    'tcp://1.2.3.4:',
    'tcp://1.2.3.4:1/',
    'tcp://1.2.3.4:1/foo',
    'tcp://1.2.3.4:1?q',
    'tcp://1.2.3.4:1#f',
    'tcp://u@1.2.3.4:1',
    'tcp:1.2.3.4:1',
    'tcp://1.2.3.4:0',
    'tcp://1.2.3.4:65536',
    'tcp://::1:1',
    'tcp://[1.2.3.4]:1',
    'tcp://1.2.3:1',
    'tcp://01.2.3.4:1',
    'tcp://:1',
    'tcp:///a',
  ));
