import { join } from 'node:path';
import type { Clock, Log, Random } from '#kernel';
import { Ledger } from '#ledger';
import { openPostgres } from '#plugins/store/postgres';
import { SqliteLedgerStore, SqliteStore } from '#plugins/store/sqlite';
import { type AgentRecord, type PendingReceipt, Registry, type ResourceChange } from '#registry';

/** Tokens that are redeemed at once. */
export const TOGETHER: readonly string[] = ['node-1', 'node-2', 'node-3', 'node-4'];

export type StoreSays = (line: string) => void;

interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Registry and ledger of a place, as a server opens them; receipts are named after what they tell of. `place` is JSON. */
export async function openPlace(place: string, ports: Ports) {
  const { directory, address } = JSON.parse(place);
  const { store, ledgerStore } =
    address === undefined
      ? {
          store: await SqliteStore.open(join(directory, 'registry.db')),
          ledgerStore: await SqliteLedgerStore.open(join(directory, 'ledger.db')),
        }
      : await openPostgres({ address, ...ports });
  const ledger = new Ledger(ledgerStore);
  const registry = await Registry.open({
    store,
    ...ports,
    receipts: {
      describe: ({ changes }) => changes.map(({ key, body }) => receipt(`${body === null ? 'remove' : 'put'} ${key}`)),
      deliver: async (receipts) => {
        await ledger.append(receipts.map(({ body }) => JSON.parse(body)));
      },
    },
  });
  const close = async (): Promise<void> => {
    await registry.close();
    await store.close();
    await ledgerStore.close();
  };
  return { registry, ledger, store, close, entry, agent, agentOf, receipt };
}

const agentOf = (token: string): AgentRecord => ({
  id: `spiffe://bank-a/spire/agent/join_token/${token}`,
  trustDomain: 'bank-a',
  attestationType: 'join_token',
  selectors: [],
  canReattest: false,
  banned: false,
  serial: '01',
  expiresAt: 1,
});
const agent = agentOf('token');

function entry(id: string): ResourceChange {
  const [spiffeId, parentId] = [`spiffe://bank-a/${id}`, 'spiffe://bank-a/node/local'];
  return { kind: 'Entry', key: id, body: { id, spiffeId, parentId, selectors: ['unix:uid:1'] } };
}

function receipt(action: string): PendingReceipt {
  const id = Buffer.from(action).toString('hex').padEnd(32, '0').slice(0, 32);
  const body = {
    id,
    txn: id,
    span: id.slice(0, 16),
    kind: 'registry',
    trustDomain: 'bank-a',
    effect: 'allow',
    code: 'ALLOWED',
    action,
    startedAt: '2026-01-01T00:00:00.000Z',
    durationUs: 0,
  };
  return { trustDomain: 'bank-a', id, body: JSON.stringify(body) };
}
