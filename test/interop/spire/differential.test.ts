// Every command of the stock command lines that talks to a server or an agent, with good and bad arguments, to stock programs and to
// ours: the same answers, the same exit codes. What may differ is in `normalise.ts` and in the `differs` of a step, each with its reason.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { entry, withHouse } from '../../../src/agent/agent.harness.ts';
import { compare, withBoth } from './both.ts';
import { SCRIPTS } from './commands/index.ts';
import { agentOperatorCommands, nobodyCommands, workloadCommands } from './commands/workload.ts';
import { type Cli, run, skip, start, succeeds, until } from './stock.ts';
import { withJoinedAgent } from './stock-agent.ts';
import { withStockServer } from './stock-server.ts';

const { agent, ...others } = SCRIPTS;
const NODE = 'spiffe://bank-a/node/local';
const uid = `unix:uid:${userInfo().uid}`;

for (const [name, script] of Object.entries(others))
  test(`spire-server, ${name}: ours answers as the stock server`, { skip }, () =>
    withBoth((stock, ours) => compare(script, stock, ours), script.server),
  );

test('spire-server, agent: ours answers as the stock server', { skip }, () =>
  withBoth((stock, ours) =>
    withJoinedAgent(stock, '/node/local', () =>
      withJoinedAgent(ours, '/node/local', async () => compare(agent ?? { steps: [] }, stock, ours)),
    ),
  ),
);

test('spire-agent: ours answers as the stock agent', { skip }, () =>
  withHouse(async ({ server, socket, adminSocket }) => {
    const ours: Cli = (...args) => run('spire-server', [...args, '-socketPath', server.spire('bank-a')?.socket ?? '']);
    await withStockServer({ trustDomain: 'bank-a' }, (stock) =>
      withJoinedAgent(stock, '/node/local', async (agent) => {
        const second = [
          '-entryID',
          'second',
          '-spiffeID',
          'spiffe://bank-a/second',
          '-selector',
          uid,
          '-hint',
          'second',
        ];
        const service = ['-entryID', 'service', '-spiffeID', 'spiffe://bank-a/service', '-selector', uid];
        await partner(stock.command);
        await succeeds(
          stock.command(
            'entry',
            'create',
            '-parentID',
            NODE,
            ...service,
            '-federatesWith',
            'spiffe://platform.example',
          ),
        );
        for (const command of [stock.command, ours])
          await succeeds(command('entry', 'create', '-parentID', NODE, ...second));
        for (const at of [agent.socket, socket]) await twoIdentities(at);
        await compare(workloadCommands, agent, { socket });
        await compare(agentOperatorCommands, { socket: agent.adminSocket }, { socket: adminSocket });
      }),
    );
  }),
);

/** The stock server knows the bundle of our house's second trust domain: any root will do. */
async function partner(stock: Cli): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'partner-'));
  writeFileSync(join(folder, 'bundle'), await succeeds(stock('bundle', 'show')));
  await succeeds(stock('bundle', 'set', '-id', 'spiffe://platform.example', '-path', join(folder, 'bundle')));
  rmSync(folder, { recursive: true });
}

test('spire-agent api watch: follows the identities that our agent gives', { skip }, () =>
  withHouse(async ({ socket, admin }) => {
    const watch = start('spire-agent', ['api', 'watch', '-socketPath', socket]);
    try {
      await until('the first identity', async () => /\/service\b/.test(watch.log()));
      await admin.apply({ documentsJson: [JSON.stringify(entry('another'))], dryRun: false });
      await until('another identity', async () => /\/another\b/.test(watch.log()));
    } finally {
      await watch.stop();
    }
  }),
);

test('spire-agent: to a process that is nobody, ours answers as the stock agent', { skip }, () =>
  withHouse(async ({ socket, removeEntry }) => {
    await removeEntry('service');
    await withStockServer({ trustDomain: 'bank-a' }, (stock) =>
      withJoinedAgent(stock, '/node/local', (agent) => compare(nobodyCommands, agent, { socket })),
    );
  }),
);

async function twoIdentities(socket: string): Promise<void> {
  while (!/Received 2 svids/.test((await run('spire-agent', ['api', 'fetch', '-socketPath', socket])).output));
}
