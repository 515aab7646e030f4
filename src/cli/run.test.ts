import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEndpointAddress } from '#spiffe';
import { identityEnvironment } from './run.ts';

test('a program that is run as a service finds the Workload API as hauberk/sdk does and as any SPIFFE library does', () => {
  const environment = identityEnvironment('run/bank', 'bank-a/greeter');
  const path = `${process.cwd()}/run/bank/agent/workload.sock`;
  assert.deepEqual([environment.HAUBERK_SOCKET, environment.HAUBERK_SERVICE], [path, 'bank-a/greeter']);
  assert.deepEqual(parseEndpointAddress(environment.SPIFFE_ENDPOINT_SOCKET ?? ''), { kind: 'unix', path });
});
