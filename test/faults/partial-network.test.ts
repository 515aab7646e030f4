import assert from 'node:assert/strict';
import { test } from 'node:test';
import { House } from './house.ts';

/** Several times what it takes. */
const SECONDS = 1000;

test('a cable that is cut without a word, and a server that is stopped: red within seconds, served all the while, green again by itself', async () => {
  const house = await House.open();
  try {
    await house.until('one', 'green');
    await house.until('two', 'green');
    await house.warm();

    house.cable.cut();
    await house.until('one', 'red', 30 * SECONDS);
    assert.equal((await house.health('one')).code, 'UPSTREAM_UNAVAILABLE');
    assert.equal((await house.health('two')).healthy, true, 'the other node is connected');
    const { status, screen } = await house.command('doctor');
    assert.equal(status, 69);
    assert.match(screen, /FAILED\s+agent\s.*UPSTREAM_UNAVAILABLE/);
    // The server has not been told either, and finds out by itself.
    const connected = async () => (await house.admin.status({})).trustDomains[0]?.connected.map(({ id }) => id);
    for (const deadline = performance.now() + 60 * SECONDS; (await connected())?.includes(house.parent('one')); )
      assert.ok(performance.now() < deadline, 'the server holds on to a stream that is gone');
    assert.deepEqual(await connected(), [house.parent('two')]);
    house.cable.mend();
    await house.until('one', 'green', 60 * SECONDS);

    house.signal('server', 'SIGSTOP');
    await Promise.all([house.until('one', 'red', 30 * SECONDS), house.until('two', 'red', 30 * SECONDS)]);
    house.signal('server', 'SIGCONT');
    await Promise.all([house.until('one', 'green', 60 * SECONDS), house.until('two', 'green', 60 * SECONDS)]);

    const { calls, failures } = await house.tally();
    assert.deepEqual(failures, {}, house.logs());
    assert.ok(calls > 100, `${calls} calls`);
  } finally {
    await house.close();
  }
});
