// The bank of `hauberk up`: start to first verified request, memory, waking from sleep. Budgets are of the whole example.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunningBank } from '../test/journey/running-bank.ts';
import type { Figure } from './figure.ts';

const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';
const DEADLINE_MILLIS = 60_000;

export async function run(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const started = performance.now();
  const bank = await RunningBank.start();
  try {
    await bank.heals(DEADLINE_MILLIS);
    // A new run directory: initdb, keys and authorities are made; installation is not part of it.
    figures.push(figure('example.first-request', (performance.now() - started) / 1000, 's', 25));
    figures.push(figure('example.memory', pssMegabytes(bank.processes()), 'MB PSS', 900));
  } finally {
    await bank.stop();
  }
  return existsSync(FAKETIME) ? [...figures, await waking()] : figures;
}

async function waking(): Promise<Figure> {
  const file = join(mkdtempSync(join(tmpdir(), 'clock-')), 'now');
  writeFileSync(file, '+0');
  const clock = { FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
  const bank = await RunningBank.start({ LD_PRELOAD: FAKETIME, ...clock });
  try {
    await bank.heals(DEADLINE_MILLIS);
    const asleep = bank.processes();
    for (const pid of asleep) process.kill(pid, 'SIGSTOP');
    writeFileSync(file, '+40d');
    const woken = performance.now();
    for (const pid of asleep) process.kill(pid, 'SIGCONT');
    await bank.heals(DEADLINE_MILLIS);
    return figure('example.waking', (performance.now() - woken) / 1000, 's', 10);
  } finally {
    await bank.stop();
    rmSync(join(file, '..'), { recursive: true, force: true });
  }
}

/** The limit is the budget itself: there is nothing on the machine to measure it against. */
function figure(name: string, value: number, unit: string, budget: number): Figure {
  return {
    name,
    value,
    unit,
    limit: budget,
    ratio: value / budget,
    budget: `<= ${budget} ${unit}`,
    ok: value <= budget,
  };
}

/** Proportional set size: memory that processes share is counted once. */
function pssMegabytes(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) => {
    try {
      return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      return 0;
    }
  });
  return kilobytes.reduce((sum, one) => sum + one, 0) / 1024;
}
