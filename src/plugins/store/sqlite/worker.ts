import { parentPort } from 'node:worker_threads';
import { isFault } from '#kernel';
import type { Answer, Question } from './database-worker.ts';
import { LedgerTables } from './ledger-tables.ts';
import { RegistryTables } from './registry-tables.ts';

/** The thread that may block: it holds one process's databases and answers one question after another. */
const TABLES = { registry: RegistryTables, ledger: LedgerTables } as const;

const open = new Map<number, RegistryTables | LedgerTables>();

parentPort?.on('message', ({ id, database, method, values }: Question) => {
  parentPort?.postMessage(answer(id, database, method, values));
});

function answer(id: number, database: number, method: string, values: readonly unknown[]): Answer {
  try {
    return { id, value: run(database, method, values) };
  } catch (error) {
    if (isFault(error)) return { id, fault: { code: error.code, message: error.message } };
    const { errcode, message } = Object(error) as { errcode?: unknown; message?: unknown };
    return { id, failure: { message: String(message), sqlite: typeof errcode === 'number' ? errcode : 0 } };
  }
}

function run(database: number, method: string, values: readonly unknown[]): unknown {
  if (method === 'open') {
    const [kind, file] = values as [keyof typeof TABLES, string];
    open.set(database, new TABLES[kind](file));
    return undefined;
  }
  const tables = open.get(database);
  if (method === 'close') open.delete(database);
  // The other side calls by the type of these classes.
  return (tables as unknown as Readonly<Record<string, (...values: readonly unknown[]) => unknown>>)[method]?.(
    ...values,
  );
}
