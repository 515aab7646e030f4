/** One thing that was looked at. A warning will become a failure by itself. */
export interface Check {
  readonly result: 'ok' | 'warning' | 'FAILED';
  readonly what: string;
  readonly found: string;
}

/** What the server and the agent of one environment said, at one moment. */
export interface Examined {
  /** Unix milliseconds of this machine, when the answer came, and of the server. */
  readonly localNow: number;
  readonly serverNow: number;
  readonly server: {
    readonly healthy: boolean;
    readonly clockMovedMillis: bigint;
    readonly clockMovedSecondsAgo: bigint;
    readonly trustDomains: readonly {
      readonly name: string;
      readonly revision: bigint;
      readonly caExpiresAt: bigint;
      readonly code: string;
      readonly reason: string;
    }[];
  };
  readonly agent: {
    readonly healthy: boolean;
    readonly trustDomains: readonly {
      readonly name: string;
      readonly state: string;
      readonly revision: bigint;
      readonly svidExpiresAt: bigint;
      readonly code: string;
      readonly reason: string;
      readonly clockSkewMillis: bigint;
    }[];
  };
  readonly federations: readonly Federated[];
  /** Bundles as the authorities have them, and as the registry hands them to each trust domain, as text to compare. */
  readonly bundles: readonly { readonly trustDomain: string; readonly own: string; readonly held: readonly string[] }[];
}

/** What a trust domain knows of one that it federates with by a bundle endpoint. Unix seconds; 0 for never. */
export interface Federated {
  readonly trustDomain: string;
  readonly other: string;
  readonly refreshedAt: bigint;
  readonly code: string;
  readonly authoritiesEndAt: bigint;
}

/** The rules of `hauberk doctor`: health, clocks, expiries, revisions, bundles. Sockets are looked at before. */
export function examine(examined: Examined): readonly Check[] {
  const { server, agent } = examined;
  return [
    health('server', server),
    health('agent', agent),
    skew('clocks of server and this machine', examined.localNow - examined.serverNow),
    moved(server),
    ...server.trustDomains.map(({ name, caExpiresAt }) => expiry(`authority of ${name}`, caExpiresAt, examined)),
    ...agent.trustDomains.flatMap(({ name, state, svidExpiresAt, clockSkewMillis }) => [
      check(state === 'connected', `agent in ${name}`, 'connected', state),
      skew(`clocks of agent and server in ${name}`, Number(clockSkewMillis)),
      expiry(`agent's identity in ${name}`, svidExpiresAt, examined),
    ]),
    ...server.trustDomains.flatMap((domain) => revisions(domain, examined)),
    ...examined.bundles.map(agreement),
    ...examined.federations.map((one) => federation(one, examined)),
  ];
}

const CLOCK_MILLIS = 5000;
const SOON_SECONDS = 300;

function health(what: string, { healthy, trustDomains }: HealthTold): Check {
  const troubles = trustDomains.filter(({ code }) => code !== '');
  const why = troubles.map(({ name, code, reason }) => `${name}: ${code}: ${reason}`).join('; ');
  return check(healthy, what, 'healthy: it can issue', `not healthy: it cannot issue: ${why || 'read its log'}`);
}

interface HealthTold {
  readonly healthy: boolean;
  readonly trustDomains: readonly { readonly name: string; readonly code: string; readonly reason: string }[];
}

const MOVED_SECONDS = 3600;

/** Told for an hour: what was issued before is of another time. */
function moved({ clockMovedMillis, clockMovedSecondsAgo: ago }: Examined['server']): Check {
  const what = 'clock of the server';
  if (clockMovedMillis === 0n || ago >= MOVED_SECONDS) return { result: 'ok', what, found: 'goes evenly' };
  const by = (Number(clockMovedMillis) / 1000).toFixed(1);
  return { result: 'warning', what, found: `was moved by ${by} s, or the machine slept, ${ago} s ago` };
}

function skew(what: string, aheadMillis: number): Check {
  const apart = Math.abs(aheadMillis);
  const found = `${(apart / 1000).toFixed(1)} s apart`;
  return check(apart <= CLOCK_MILLIS, what, found, `${found}: set them by NTP`);
}

function expiry(what: string, expiresAt: bigint, { serverNow }: Examined): Check {
  const left = Number(expiresAt) - serverNow / 1000;
  const until = Number(expiresAt) === 0 ? 'not issued' : `until ${moment(expiresAt)}`;
  if (left <= 0) return { result: 'FAILED', what, found: `ended (${until})` };
  if (left < SOON_SECONDS)
    return { result: 'warning', what, found: `ends in ${Math.round(left)} s and was not renewed yet` };
  return { result: 'ok', what, found: until };
}

function revisions(
  { name, revision }: { readonly name: string; readonly revision: bigint },
  { agent }: Examined,
): readonly Check[] {
  const served = agent.trustDomains.find((one) => one.name === name);
  if (served === undefined) return [];
  const behind = `the agent has ${served.revision}, the server ${revision}`;
  if (served.revision >= revision)
    return [{ result: 'ok', what: `state of ${name}`, found: `revision ${revision} everywhere` }];
  return [{ result: 'warning', what: `state of ${name}`, found: behind }];
}

function agreement({ trustDomain, own, held }: Examined['bundles'][number]): Check {
  const other = held.filter((one) => one !== own).length;
  return check(
    other === 0,
    `bundle of ${trustDomain}`,
    'the same everywhere',
    `${other} of ${held.length} trust domains hold another one than the authority has`,
  );
}

/** Peers of the other trust domain are accepted by what is known of it, until that has ended or they have been given what is not known here. */
function federation(
  { trustDomain, other, refreshedAt, code, authoritiesEndAt }: Federated,
  { serverNow }: Examined,
): Check {
  const what = `bundle of ${other} in ${trustDomain}`;
  const since = refreshedAt === 0n ? 'not since the server started' : `last ${moment(refreshedAt)}`;
  if (authoritiesEndAt === 0n) return { result: 'FAILED', what, found: `never fetched${code && `: ${code}`}` };
  const ended = Number(authoritiesEndAt) * 1000 <= serverNow;
  if (ended)
    return { result: 'FAILED', what, found: `ended ${moment(authoritiesEndAt)}, its peers are refused: ${code}` };
  if (code === '') return { result: 'ok', what, found: `fetched, ${since}` };
  return { result: 'warning', what, found: `not fetched: ${code}; ${since}; what is known is kept` };
}

function moment(seconds: bigint): string {
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}Z`;
}

function check(holds: boolean, what: string, found: string, otherwise: string): Check {
  return holds ? { result: 'ok', what, found } : { result: 'FAILED', what, found: otherwise };
}
