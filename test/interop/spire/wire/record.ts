// Writes the recordings anew: node test/interop/spire/wire/record.ts (stock programs are needed, see README.md).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { play, type Script } from '../both.ts';
import { SCRIPTS } from '../commands/index.ts';
import { withJoinedAgent } from '../stock-agent.ts';
import { withStockServer } from '../stock-server.ts';
import { record } from './proxy.ts';
import type { Recorded } from './recording.ts';
import { RECORDINGS } from './recordings.ts';

for (const [name, script] of Object.entries(SCRIPTS))
  await withStockServer({ trustDomain: 'bank-a' }, async (server) => {
    const write = async (): Promise<void> => writeRecording(name, await recorded(script, server.socket));
    await (name === 'agent' ? withJoinedAgent(server, '/node/local', write) : write());
  });

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
