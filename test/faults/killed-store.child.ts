// A server's store under the hands of one operator: commits an entry, redeems a token, has several nodes redeem theirs at once (they share a
// transaction), removes an entry, and says after each that it is done.
import { writeSync } from 'node:fs';
import { silentLog, systemClock, systemRandom } from '#kernel';
import { openPlace, type StoreSays, TOGETHER } from './killed-store.place.ts';

const say: StoreSays = (line) => writeSync(2, `${line}\n`);
const place = await openPlace(String(process.env.PLACE), { clock: systemClock, random: systemRandom, log: silentLog });
const { registry } = place;
say('ready');
await registry.commit('bank-a', [place.entry('new')], 'operator');
say('ack entry');
await registry.redeemJoinToken('token', place.agent, () => [place.receipt('attest')]);
say('ack token');
await Promise.all(
  TOGETHER.map(async (name) => {
    await registry.redeemJoinToken(name, place.agentOf(name), () => [place.receipt(`attest ${name}`)]);
    say(`ack ${name}`);
  }),
);
await registry.commit('bank-a', [{ ...place.entry('old'), body: null }], 'operator');
say('ack removal');
await place.close();
say('done');
