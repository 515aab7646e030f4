import assert from 'node:assert/strict';
import { test } from 'node:test';
import { House, type Tally } from './house.ts';

const REQUESTS = 10_000;
const STEP_MILLIS = 60_000;

/** The calls of the whole test, and who signed the two ends last. */
class Called {
  readonly #house: House;
  calls = 0;
  readonly failures: Record<string, number> = {};

  constructor(house: House) {
    this.#house = house;
  }

  async more(): Promise<Tally> {
    const tally = await this.#house.tally();
    this.calls += tally.calls;
    for (const [why, times] of Object.entries(tally.failures)) this.failures[why] = (this.failures[why] ?? 0) + times;
    return tally;
  }

  async until(holds: (tally: Tally) => boolean, what: string): Promise<void> {
    for (const deadline = performance.now() + STEP_MILLIS; !holds(await this.more()); await pause(50))
      assert.ok(performance.now() < deadline, `${what}\n${JSON.stringify(this.failures)}\n${this.#house.logs()}`);
  }
}

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

test('every authority of the trust domain is replaced, tainted and revoked under 10,000 requests between processes: none fails', async () => {
  const house = await House.open();
  const authority = async (...words: readonly string[]) => {
    const { status, screen } = await house.command('authority', ...words, '--json');
    assert.equal(status, 0, `${words.join(' ')}: ${screen}`);
    return JSON.parse(screen);
  };
  const active = async (kind: string) => {
    const { authorities } = await authority('show', 'bank-a');
    return authorities.find((one: { kind: string; state: string }) => one.kind === kind && one.state === 'active').id;
  };
  try {
    await house.warm();
    const called = new Called(house);
    for (const kind of ['x509', 'jwt']) {
      const before = await active(kind);
      for (const verb of ['prepare', 'activate']) await authority(verb, 'bank-a', '--kind', kind);
      const now = await active(kind);
      assert.notEqual(now, before);
      await authority('taint', 'bank-a', '--kind', kind);
      if (kind === 'x509')
        await called.until(({ authorities }) => authorities.every((id) => id === now), 'both ends have a new SVID');
      await authority('revoke', 'bank-a', '--kind', kind);
      const { authorities } = await authority('show', 'bank-a');
      assert.equal(
        authorities.some(({ id }: { id: string }) => id === before),
        false,
      );
    }
    await called.until(() => called.calls >= REQUESTS, 'so many requests');
    assert.deepEqual(called.failures, {}, house.logs());
    await house.until('one', 'green');
  } finally {
    await house.close();
  }
});
