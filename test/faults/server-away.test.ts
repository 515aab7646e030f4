import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENTRY_SECONDS } from './documents.ts';
import { FAKETIME, House } from './house.ts';

const skip = FAKETIME === undefined ? 'Debian’s package faketime is not installed' : false;
const AWAY_MINUTES = 10;
const HEAL_MILLIS = 60_000;
const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

test('a server that is away for 10 minutes, while what was issued comes to its half-life: no call fails, and rotation resumes', {
  skip,
}, async () => {
  const house = await House.open({ movable: true });
  try {
    await house.warm();
    // So that half of what was issued at the start passes while nobody is there to issue it anew.
    const before = ENTRY_SECONDS / 2 / 60 - AWAY_MINUTES / 2;
    house.moveClock(`+${before}m`);
    await pause(1500);
    await house.until('one', 'green');
    const { serial } = await house.tally();

    await house.kill('server');
    for (let minute = 1; minute <= AWAY_MINUTES; minute++) {
      house.moveClock(`+${before + minute}m`);
      await pause(1000);
    }
    assert.deepEqual(await house.health('one'), { healthy: false, code: 'UPSTREAM_UNAVAILABLE' });
    const { status, screen } = await house.command('status');
    assert.equal(status, 69);
    assert.match(
      screen,
      /server NOT healthy: UPSTREAM_UNAVAILABLE.*agent cannot issue in bank-a: UPSTREAM_UNAVAILABLE/s,
    );
    const away = await house.tally();
    assert.deepEqual(away.failures, {}, house.logs());
    assert.ok(away.calls > 500, `${away.calls} calls`);
    assert.equal(away.serial, serial, 'nobody was there to issue another');

    await house.startServer();
    await Promise.all([house.until('one', 'green', HEAL_MILLIS), house.until('two', 'green', HEAL_MILLIS)]);
    for (const deadline = performance.now() + HEAL_MILLIS; ; await pause(50)) {
      const after = await house.tally();
      assert.deepEqual(after.failures, {}, house.logs());
      if (after.serial !== serial) break;
      assert.ok(performance.now() < deadline, house.logs());
    }
  } finally {
    await house.close();
  }
});
