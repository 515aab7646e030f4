import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { test } from 'node:test';
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { pemCertificates, splitCertificates } from '#x509';
import { ask, type Kept } from './ask.ts';
import { FAKETIME, House } from './house.ts';

const skip = FAKETIME === undefined ? 'Debian’s package faketime is not installed' : false;
const HEAL_MILLIS = 60_000;
const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

/** The caller's identity at this moment, kept by somebody who should not have it. */
async function steal(house: House): Promise<Kept> {
  const client = createClient(SpiffeWorkloadAPIDefinition, {
    dial: () => dialUnix(house.workloadSocket('one')),
    metadata: { 'workload.spiffe.io': 'true' },
  });
  try {
    for await (const { svids } of client.fetchX509SVID({})) {
      const [{ x509Svid, x509SvidKey } = { x509Svid: new Uint8Array(), x509SvidKey: new Uint8Array() }] = svids;
      const key = createPrivateKey({ key: Buffer.from(x509SvidKey), format: 'der', type: 'pkcs8' });
      return {
        key: String(key.export({ type: 'pkcs8', format: 'pem' })),
        cert: pemCertificates(splitCertificates(x509Svid)),
      };
    }
    throw new TypeError('no SVID');
  } finally {
    await client.close();
  }
}

test('the clock of every process at −5 min and at +9 h: what has expired is not accepted, and all heals within seconds', {
  skip,
}, async () => {
  const house = await House.open({ movable: true });
  /** Until calls are made for a second without a failure. */
  const heals = async (): Promise<void> => {
    for (const deadline = performance.now() + HEAL_MILLIS; ; ) {
      await Promise.all([house.until('one', 'green', HEAL_MILLIS), house.until('two', 'green', HEAL_MILLIS)]);
      await house.tally();
      await pause(1000);
      const { calls, failures } = await house.tally();
      if (calls > 0 && Object.keys(failures).length === 0) return;
      assert.ok(performance.now() < deadline, `${JSON.stringify(failures)}\n${house.logs()}`);
    }
  };
  try {
    await house.warm();
    const stolen = await steal(house);
    assert.match(await ask(house, stolen), /^HTTP\/1.1 200 /);

    house.moveClock('-5m');
    await heals();
    assert.match((await house.command('doctor')).screen, /clock of the server +was moved by -(299|300)/);
    const fresh = await steal(house);
    assert.match(await ask(house, fresh), /^HTTP\/1.1 200 /);

    house.moveClock('+9h');
    // From the first moment on, before anything has healed.
    for (const kept of [stolen, fresh]) assert.doesNotMatch(await ask(house, kept), / 200 /);
    await heals();
    for (const kept of [stolen, fresh]) assert.match(await ask(house, kept), /PEER_CERTIFICATE_EXPIRED/);
    assert.match(await ask(house, await steal(house)), /^HTTP\/1.1 200 /);

    house.moveClock('+0');
    await heals();
    assert.match(await ask(house, await steal(house)), /^HTTP\/1.1 200 /);
  } finally {
    await house.close();
  }
});
