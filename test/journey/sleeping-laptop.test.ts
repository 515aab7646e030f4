import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RunningBank } from './running-bank.ts';

const LIBRARY = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
].find((path) => existsSync(path));
const skip = LIBRARY === undefined ? 'Debian’s package faketime is not installed' : false;

test('a laptop that slept past every expiry, and whose clock was set: it heals by itself', { skip }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'clock-'));
  // The database runs under another account and reads the file too.
  const file = `${directory}.txt`;
  writeFileSync(file, '+0', { mode: 0o644 });
  const bank = await RunningBank.start({
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  });
  try {
    await bank.heals(40_000);
    // Set by a time server, or by hand: five minutes back, then to another time of the day.
    for (const offset of ['-5m', '+9h']) {
      writeFileSync(file, offset);
      await bank.heals(40_000);
    }
    const asleep = bank.processes();
    assert.ok(asleep.length > 10);
    for (const pid of asleep) process.kill(pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 500));
    writeFileSync(file, '+40d');
    for (const pid of asleep) process.kill(pid, 'SIGCONT');
    await bank.heals(40_000);
  } finally {
    await bank.stop();
    rmSync(directory, { recursive: true, force: true });
    rmSync(file, { force: true });
  }
});
