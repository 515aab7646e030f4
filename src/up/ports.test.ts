import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fillPlaceholders } from './fill.ts';
import { allocatePorts } from './ports.ts';

const directory = mkdtempSync(join(tmpdir(), 'hauberk-ports-'));
after(() => rmSync(directory, { recursive: true }));

test('gives every name a port of its own, and the same one again', async () => {
  const wanted = new Map([
    ['a', 'auto'],
    ['b', 'auto'],
  ] as const);
  const first = await allocatePorts(wanted, join(directory, 'ports.json'));
  assert.equal(new Set(first.values()).size, 2);
  assert.deepEqual(await allocatePorts(wanted, join(directory, 'ports.json')), first);
});

test('a fixed port that another process holds is one clear fault', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await assert.rejects(allocatePorts(new Map([['a', port]]), join(directory, 'other.json')), { code: 'PORT_OCCUPIED' });
  await new Promise((resolve) => server.close(resolve));
  const twice = new Map<string, number>([
    ['a', port],
    ['b', port],
  ]);
  await assert.rejects(allocatePorts(twice, join(directory, 'other.json')), { code: 'CONFIG_INVALID' });
});

test('fills names that are known and refuses others', () => {
  const known = new Map([['port.login', '80']]);
  assert.deepEqual(fillPlaceholders({ a: [`x:${'$'}{port.login}`], b: 1 }, known), { a: ['x:80'], b: 1 });
  assert.throws(() => fillPlaceholders(`${'$'}{port.logn}`, known), { code: 'CONFIG_INVALID' });
});
