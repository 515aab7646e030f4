import { test } from 'node:test';
import { MemoryStore } from './memory-store.ts';
import { storeContract } from './store.contract.ts';

const rules = storeContract(async () => {
  const store = new MemoryStore();
  return { open: async () => store, remove: async () => undefined };
});

for (const { name, run } of rules) test(`memory: ${name}`, run);
