import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { storeContract } from '#registry';
import { SqliteStore } from './index.ts';

const rules = storeContract(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sqlite-'));
  return {
    open: () => SqliteStore.open(join(directory, 'registry.db')),
    remove: async () => rmSync(directory, { recursive: true }),
  };
});

for (const { name, run } of rules) test(`sqlite: ${name}`, run);
