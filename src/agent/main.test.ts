import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { first, until, withHouse } from './agent.harness.ts';

const MAIN = new URL('./main.ts', import.meta.url).pathname;

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'agent-main-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  const line = once(child.stdout, 'data').then(([text]): unknown => JSON.parse(String(text)));
  const exit = once(child, 'exit').then(([code]): unknown => code);
  return { child, line, exit };
}

test('the process says in one line that it is ready, serves, keeps no descriptor of callers that left, and ends in order', () =>
  withHouse(({ server, joinMaterial }) =>
    withDirectory(async (directory) => {
      const sockets = { workloadSocket: join(directory, 'w.sock'), adminSocket: join(directory, 'admin', 'a.sock') };
      const { token, bundleJson } = await joinMaterial('bank-a');
      const trustDomains = [{ name: 'bank-a', joinToken: token, bundle: JSON.parse(bundleJson) }];
      const config = join(directory, 'agent.json');
      writeFileSync(config, JSON.stringify({ node: 'local', ...sockets, server: server.sync, trustDomains }));
      const { child, line, exit } = start('--config', config);
      try {
        assert.deepEqual(await line, { ready: true, ...sockets });
        const call = async (): Promise<string | undefined> => {
          const metadata = { 'workload.spiffe.io': 'true' };
          const dial = () => dialUnix(sockets.workloadSocket);
          const client = createClient(SpiffeWorkloadAPIDefinition, { dial, metadata });
          return first(client.fetchX509SVID({}))
            .then(({ svids }) => svids[0]?.spiffeId)
            .finally(() => client.close());
        };
        await until(async () => (await call().catch(() => undefined)) === 'spiffe://bank-a/service');
        const descriptors = (): number => readdirSync(`/proc/${child.pid}/fd`).length;
        const before = descriptors();
        for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 40 }, call));
        // The agent's own connections come and go meanwhile; 200 callers that were kept would show.
        await until(async () => descriptors() <= before + 10);
      } finally {
        child.kill('SIGTERM');
      }
      assert.equal(await exit, 0);
    }),
  ));

for (const [what, text, code] of [
  ['is not there', undefined, 'CONFIG_UNREADABLE'],
  ['is not JSON', '{', 'CONFIG_UNREADABLE'],
  ['lacks everything', '{}', 'CONFIG_INVALID'],
] as const) {
  test(`a configuration that ${what} is one fault on stdout and exit code 78`, () =>
    withDirectory(async (directory) => {
      const config = join(directory, 'agent.json');
      if (text !== undefined) writeFileSync(config, text);
      const { line, exit } = start('--config', config);
      const said = await line;
      assert.ok(typeof said === 'object' && said !== null && 'fault' in said);
      assert.equal(Reflect.get(Object(said.fault), 'code'), code);
      assert.equal(await exit, 78);
    }));
}

test('a configuration tells all of its problems at once', () =>
  withDirectory(async (directory) => {
    const bundle = { trustDomain: 'bank-a', x509Authorities: [], sequence: 1, refreshHintSeconds: 60 };
    const domain = { name: 'bank-a', joinToken: 't', bundle };
    const config = join(directory, 'agent.json');
    const sockets = { workloadSocket: join(directory, 'w'), adminSocket: join(directory, 'admin', 'a') };
    const trustDomains = [domain, domain, { ...domain, name: 'Bank A', joinToken: '' }];
    writeFileSync(config, JSON.stringify({ node: '', ...sockets, server: { host: 'x', port: 0 }, trustDomains }));
    const { line, exit } = start('--config', config);
    const text = JSON.stringify(await line);
    for (const path of ['node', 'server.port', 'trustDomains.2.name', 'trustDomains.2.joinToken'])
      assert.ok(text.includes(`"path":"${path}"`), path);
    assert.equal(await exit, 78);
  }));
