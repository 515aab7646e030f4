import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Examined, examine, type Federated } from './doctor-checks.ts';

const NOW = 1_000_000_000_000;
const later = (seconds: number): bigint => BigInt(NOW / 1000 + seconds);
function federated(change: Partial<Federated> = {}): Federated {
  const known = { refreshedAt: later(-60), code: '', authoritiesEndAt: later(3600) };
  return { trustDomain: 'a', other: 'b', ...known, ...change };
}
const still = { clockMovedMillis: 0n, clockMovedSecondsAgo: 0n };
const well = { code: '', reason: '' };
const sound: Examined = {
  localNow: NOW,
  serverNow: NOW,
  server: { healthy: true, ...still, trustDomains: [{ name: 'a', revision: 3n, caExpiresAt: later(86_400), ...well }] },
  agent: {
    healthy: true,
    trustDomains: [
      { name: 'a', state: 'connected', revision: 3n, svidExpiresAt: later(3600), clockSkewMillis: 0n, ...well },
    ],
  },
  bundles: [{ trustDomain: 'a', own: 'x', held: ['x', 'x'] }],
  federations: [federated()],
};
const agent = (change: Partial<Examined['agent']['trustDomains'][number]>): Examined => ({
  ...sound,
  agent: { healthy: true, trustDomains: sound.agent.trustDomains.map((one) => ({ ...one, ...change })) },
});
const found = (examined: Examined): readonly string[] =>
  examine(examined)
    .filter(({ result }) => result !== 'ok')
    .map(({ result, what }) => `${result} ${what}`);

test('a sound environment has nothing to tell', () => assert.deepEqual(found(sound), []));

const cases: readonly (readonly [string, Examined, string])[] = [
  ['a server that cannot issue', { ...sound, server: { ...sound.server, healthy: false } }, 'FAILED server'],
  ['clocks that are apart', { ...sound, localNow: NOW + 5001 }, 'FAILED clocks of server and this machine'],
  [
    'a clock that was set back within the hour',
    { ...sound, server: { ...sound.server, clockMovedMillis: -300_000n, clockMovedSecondsAgo: 3599n } },
    'warning clock of the server',
  ],
  ['an agent without its stream', agent({ state: 'connecting' }), 'FAILED agent in a'],
  [
    'an agent whose clock is behind the server’s',
    agent({ clockSkewMillis: 5001n }),
    'FAILED clocks of agent and server in a',
  ],
  ['an agent whose clock is ahead', agent({ clockSkewMillis: -5001n }), 'FAILED clocks of agent and server in a'],
  ['an identity that ended', agent({ svidExpiresAt: later(0) }), "FAILED agent's identity in a"],
  ['an identity that was never issued', agent({ svidExpiresAt: 0n }), "FAILED agent's identity in a"],
  [
    'an identity that ends before it was renewed',
    agent({ svidExpiresAt: later(299) }),
    "warning agent's identity in a",
  ],
  ['an agent that is behind', agent({ revision: 2n }), 'warning state of a'],
  ['another bundle', { ...sound, bundles: [{ trustDomain: 'a', own: 'x', held: ['x', 'y'] }] }, 'FAILED bundle of a'],
  [
    'a bundle endpoint that does not answer, while what it said holds',
    { ...sound, federations: [federated({ code: 'UPSTREAM_UNAVAILABLE' })] },
    'warning bundle of b in a',
  ],
  [
    'a bundle that has ended',
    { ...sound, federations: [federated({ code: 'UPSTREAM_UNAVAILABLE', authoritiesEndAt: later(0) })] },
    'FAILED bundle of b in a',
  ],
  [
    'a bundle that was never fetched',
    { ...sound, federations: [federated({ refreshedAt: 0n, authoritiesEndAt: 0n })] },
    'FAILED bundle of b in a',
  ],
];
for (const [what, examined, expected] of cases)
  test(`tells ${what}`, () => assert.deepEqual(found(examined), [expected]));

test('a clock that was moved an hour ago is no news', () => {
  const server = { ...sound.server, clockMovedMillis: -300_000n, clockMovedSecondsAgo: 3600n };
  assert.deepEqual(found({ ...sound, server }), []);
});

test('clocks five seconds apart are near enough', () =>
  assert.deepEqual(found({ ...sound, localNow: NOW - 5000 }), []));

test('says why a process is not healthy', () => {
  const trouble = { code: 'DISK_FULL', reason: 'the disk of the store is full' };
  const server = {
    ...sound.server,
    healthy: false,
    trustDomains: sound.server.trustDomains.map((one) => ({ ...one, ...trouble })),
  };
  const [told] = examine({ ...sound, server }).filter(({ result }) => result !== 'ok');
  assert.match(told?.found ?? '', /a: DISK_FULL: the disk of the store is full/);
});
