import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunningBank, until } from './running-bank.ts';

/** Deadlines are several times what it takes; the budget itself is a gate of the bench. */
const HEAL_MILLIS = 40_000;
const PROGRAMS = [
  'src/server/main.js',
  'src/agent/main.js',
  'src/edge/main.js',
  'src/gate/main.js',
  'services/bank-a/api-gateway.js',
  'services/bank-a/user-service.js',
  'services/bank-a/account-service.js',
  'examples/bank/login.js',
  'bin/postgres',
];

test('each process of the bank that is killed is said to have ended, comes back, and the chain holds again', async () => {
  const bank = await RunningBank.start();
  try {
    await bank.heals(HEAL_MILLIS);
    for (const program of PROGRAMS) {
      const before = bank.screen.split(' is back').length;
      process.kill(bank.processOf(program), 'SIGKILL');
      await until(
        () => bank.screen.split(' is back').length > before,
        HEAL_MILLIS,
        () => `${program}: ${bank.screen.slice(-500)}`,
      );
      await bank.heals(HEAL_MILLIS);
    }
  } finally {
    await bank.stop();
  }
});

test('"up" that is killed leaves no process behind', async () => {
  const bank = await RunningBank.start();
  assert.ok(bank.processes().length > 10);
  bank.kill('SIGKILL');
  await until(
    () => bank.processes().length === 0,
    20_000,
    () => `left: ${bank.processes().join(' ')}`,
  );
  await bank.stop();
});
