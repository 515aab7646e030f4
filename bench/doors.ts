// What attackers with raw HTTP/2 make an agent and a server hold, each a process of its own: messages that never end, answers that nobody reads,
// connections that say nothing, at the workload socket (one user, many connections), at the sync port and at the SPIRE API's TLS port (no
// certificate). Beside each attack honest callers ask; what they are refused, and how long the slowest waited, is told.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { data, FLAG, RawPeer, request, settings, unfinished } from '../src/rpc/raw-http2.harness.ts';
import type { Figure } from './figure.ts';
import { type House, startHouse } from './workload-api/house.ts';

const MIB = 1024 * 1024;
const ATTACK_MILLIS = 6000;
const SILENT_MILLIS = 14_000;
const STREAMS = 100;
/** A window of nothing: what is answered stays with who answered. */
const DEAF = settings([4, 0]);
const EMPTY = Buffer.alloc(5);

interface Attack {
  readonly name: string;
  readonly victim: 'agent' | 'server';
  readonly connections: number;
  readonly dial: (house: House) => Duplex;
  readonly budgetMegabytes: number;
  /** On a connection, until the attack is over. */
  readonly run: (peer: RawPeer, over: () => boolean) => Promise<void>;
  readonly opening?: Buffer;
}

const unix = ({ socket }: House): Duplex => connect({ path: socket });
const tls = (where: 'sync' | 'spire') => (house: House) =>
  connectTls({ ...house.server[where], servername: 'bank-a', ALPNProtocols: ['h2'], rejectUnauthorized: false });
const REPORT = '/hauberk.workload.v1.EnforcementPoint/ReportReceipts';
const FETCH = '/SpiffeWorkloadAPI/FetchX509SVID';
const ATTEST = '/hauberk.sync.v1.AgentSync/Attest';
const ATTEST_NODE = '/hauberk.sync.v1.AgentSync/AttestNode';
const SPIRE_ATTEST = '/spire.api.server.agent.v1.Agent/AttestAgent';
const SPIRE_BATCH = '/spire.api.server.entry.v1.Entry/BatchCreateEntry';

const ATTACKS: readonly Attack[] = [
  {
    name: 'workload.messages',
    victim: 'agent',
    connections: 20,
    dial: unix,
    budgetMegabytes: 250,
    run: endless(REPORT, 4 * MIB),
  },
  {
    name: 'workload.calls',
    victim: 'agent',
    connections: 400,
    dial: unix,
    budgetMegabytes: 350,
    opening: DEAF,
    run: deaf(FETCH),
  },
  {
    name: 'sync.messages',
    victim: 'server',
    connections: 300,
    dial: tls('sync'),
    budgetMegabytes: 250,
    run: endless(ATTEST, 96 * 1024),
  },
  {
    name: 'sync.streams',
    victim: 'server',
    connections: 300,
    dial: tls('sync'),
    budgetMegabytes: 250,
    run: endless(ATTEST_NODE, 96 * 1024),
  },
  {
    name: 'spire.attestations',
    victim: 'server',
    connections: 300,
    dial: tls('spire'),
    budgetMegabytes: 250,
    run: endless(SPIRE_ATTEST, 96 * 1024),
  },
  {
    name: 'spire.batches',
    victim: 'server',
    connections: 20,
    dial: tls('spire'),
    budgetMegabytes: 250,
    run: endless(SPIRE_BATCH, 4 * MIB),
  },
];

export async function run(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const attack of ATTACKS) {
    const house = await startHouse();
    try {
      figures.push(...(await suffered(house, attack)));
    } finally {
      await house.stop();
    }
  }
  const house = await startHouse();
  try {
    for (const where of ['sync', 'spire'] as const) figures.push(await silent(house, where));
  } finally {
    await house.stop();
  }
  return figures;
}

async function suffered(house: House, attack: Attack): Promise<readonly Figure[]> {
  const pid = attack.victim === 'agent' ? house.pid : house.server.pid;
  const before = residentMegabytes(pid);
  const end = performance.now() + ATTACK_MILLIS;
  const over = (): boolean => performance.now() > end;
  const peers = Array.from({ length: attack.connections }, () => new RawPeer(attack.dial(house), attack.opening));
  const attacks = peers.map((peer) => attack.run(peer, over));
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, residentMegabytes(pid))), 50);
  const { refused, slowest, asked } = await askHonestly(house, over);
  clearInterval(watch);
  for (const peer of peers) peer.close();
  await Promise.all(attacks);
  const name = `doors.${attack.name}`;
  return [
    figure(`${name}.rss-added`, most - before, 'MB', { most: attack.budgetMegabytes }),
    figure(`${name}.honest-refused of ${asked}`, refused, 'calls', { most: 0 }),
    figure(`${name}.honest-slowest`, slowest, 'ms', {}),
  ];
}

/** A process of the same user as the attacker asks for its X509-SVID, and for a JWT-SVID that the server has to sign, each on a new connection. */
async function askHonestly(house: House, over: () => boolean) {
  const metadata = { 'workload.spiffe.io': 'true' };
  let [asked, refused, slowest] = [0, 0, 0];
  while (!over()) {
    const client = createClient(SpiffeWorkloadAPIDefinition, { dial: () => dialUnix(house.socket), metadata });
    const started = performance.now();
    try {
      asked++;
      for await (const { svids } of client.fetchX509SVID({})) if (svids.length > 0) break;
      await client.fetchJWTSVID({ audience: [`bench-${asked}`], spiffeId: '' });
    } catch {
      refused++;
    }
    slowest = Math.max(slowest, performance.now() - started);
    await client.close();
    await pause(100);
  }
  return { asked, refused, slowest };
}

/** Connections without a certificate that say nothing after their handshake: how many are left. */
async function silent(house: House, where: 'sync' | 'spire'): Promise<Figure> {
  const sockets = Array.from({ length: 400 }, () => tls(where)(house));
  for (const socket of sockets) socket.on('error', () => undefined).resume();
  await pause(SILENT_MILLIS);
  const left = sockets.filter(({ destroyed }) => !destroyed).length;
  for (const socket of sockets) socket.destroy();
  return figure(`doors.${where}.silent-connections-left of 400`, left, 'connections', { most: 0 });
}

/** On every stream a message without its end. */
function endless(path: string, bytes: number): Attack['run'] {
  const message = unfinished(bytes);
  return async (peer, over) => {
    for (let stream = 1; stream < 2 * STREAMS && !over() && !peer.closed; stream += 2) {
      peer.send(request(stream, path));
      for (let at = 0; at < message.length && !over(); at += 65_536)
        await Promise.race([peer.upload(stream, message.subarray(at, at + 65_536)), pause(200)]);
    }
  };
}

/** On every stream a call whose answers are not read. */
function deaf(path: string): Attack['run'] {
  return async (peer) => {
    peer.send(request(1, path), data(1, EMPTY, FLAG.end));
    await pause(500);
    for (let stream = 3; stream < 2 * STREAMS && !peer.closed; stream += 2)
      peer.send(request(stream, path), data(stream, EMPTY, FLAG.end));
  };
}

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis));

function residentMegabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
}

function figure(name: string, value: number, unit: string, { most }: { readonly most?: number }): Figure {
  const budget = most === undefined ? null : `<= ${most} ${unit}`;
  return { name, value, unit, limit: null, ratio: null, budget, ok: most === undefined || value <= most };
}
