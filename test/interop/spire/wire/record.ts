// Writes the recordings anew: node test/interop/spire/wire/record.ts (stock programs are needed, see README.md).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withSpire } from '../../../../src/server/spire/spire.harness.ts';
import { play, type Script } from '../both.ts';
import { SCRIPTS } from '../commands/index.ts';
import { cli, succeeds, until } from '../stock.ts';
import { upstairs, withAgent, withJoinedAgent } from '../stock-agent.ts';
import { withStockServer } from '../stock-server.ts';
import { furnish } from './furnish.ts';
import { record } from './proxy.ts';
import type { Recorded } from './recording.ts';
import { RECORDINGS } from './recordings.ts';
import { tap } from './tap.ts';

for (const [name, script] of Object.entries(SCRIPTS))
  await withStockServer({ trustDomain: 'bank-a', server: script.server ?? '' }, async (server) => {
    const write = async (): Promise<void> => writeRecording(name, await recorded(script, server.socket));
    await (name === 'agent' ? withJoinedAgent(server, '/node/local', write) : write());
  });

writeRecording('agent-wire', await agentWire());

/** The first call of each method that a stock agent makes below our server: it comes in, serves a workload, and renews itself. */
async function agentWire(): Promise<readonly Recorded[]> {
  const calls: Recorded[] = [];
  await withSpire((spire) =>
    tap(calls, async () => {
      const command = cli(spire);
      const joinToken = await furnish(spire);
      await withAgent(upstairs(spire), { name: 'join_token', data: '', joinToken }, async (agent) => {
        await succeeds(agent.fetch('fetch', 'x509'));
        await succeeds(agent.fetch('fetch', 'jwt', '-audience', 'db'));
        const authority = async (...args: readonly string[]) =>
          /Authority ID: (\S+)/.exec(await succeeds(command('localauthority', 'x509', ...args)))?.[1] ?? '';
        const old = await authority('show');
        await authority('activate', '-authorityID', await authority('prepare'));
        await authority('taint', '-authorityID', old);
        await until('a renewal', async () => calls.some(({ method }) => method.endsWith('/RenewAgent')));
      });
    }),
  );
  const methods = [...new Set(calls.map(({ method }) => method))];
  return methods.flatMap((method) => calls.find((call) => call.method === method && call.code === 0) ?? []);
}

async function recorded(script: Script, socket: string): Promise<readonly Recorded[]> {
  const folder = mkdtempSync(join(tmpdir(), 'record-'));
  const path = join(folder, 'proxy.sock');
  const calls: Recorded[] = [];
  const lenient = new Set<number>();
  let from = 0;
  await record(path, socket, calls, async () => {
    await play(script, path, ({ differs }) => {
      for (; from < calls.length; from += 1) if (differs !== undefined) lenient.add(from);
    });
  });
  rmSync(folder, { recursive: true });
  return calls.map((call, index) => (lenient.has(index) ? { ...call, differs: true } : call));
}

function writeRecording(name: string, calls: readonly Recorded[]): void {
  writeFileSync(join(RECORDINGS, `${name}.jsonl`), `${calls.map((call) => JSON.stringify(call)).join('\n')}\n`);
}
