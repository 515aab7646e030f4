// Calls the service without end, over kept connections and new ones, and asks both agents' Workload APIs; says what became of it.

import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { faultCode } from '#kernel';
import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { connectWorkload } from '../../src/sdk/index.ts';
import { authorityOf, serialOf } from './authority-of.ts';
import type { Tally } from './house.ts';

const AT_ONCE = 4;
const NEW_EVERY = 10;
const WORKLOAD_API_EVERY = 25;
const PAUSE_MILLIS = 2;

const workload = await connectWorkload({ timeoutMillis: 60_000 });
const api = (socketPath: string | undefined) =>
  createClient(SpiffeWorkloadAPIDefinition, {
    dial: () => dialUnix(String(socketPath)),
    metadata: { 'workload.spiffe.io': 'true' },
    timeoutMillis: 10_000,
  });
const own = api(process.env.HAUBERK_SOCKET);
const others = api(process.env.OTHER_SOCKET);

let calls = 0;
let failures: Record<string, number> = {};
let authorities: readonly string[] = [];
let serial = '';

async function overKept(): Promise<string> {
  const answer = await workload.fetch('https://service/');
  return answer.status === 200
    ? answer.text()
    : Promise.reject(new TypeError(`${answer.status} ${await answer.text()}`));
}

async function overNew(): Promise<string> {
  const socket = await workload.connect('service');
  socket.end('GET / HTTP/1.1\r\nhost: service\r\nconnection: close\r\n\r\n');
  const answer = await text(socket);
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  return head.startsWith('HTTP/1.1 200') ? body : Promise.reject(new TypeError(head.split('\r\n')[0] ?? 'no answer'));
}

/** A certificate and a token by the Workload API of this node; the token is verified by that of the other. */
async function byWorkloadApi(): Promise<void> {
  for await (const { svids } of own.fetchX509SVID({})) {
    if (svids.length === 0) throw new TypeError('no SVID');
    break;
  }
  const { svids } = await own.fetchJWTSVID({ audience: ['spiffe://bank-a/service'], spiffeId: '' });
  const token = svids[0]?.svid ?? '';
  const { spiffeId } = await others.validateJWTSVID({ audience: 'spiffe://bank-a/service', svid: token });
  if (spiffeId !== 'spiffe://bank-a/caller') throw new TypeError('another identity');
}

async function call(index: number): Promise<void> {
  const kind = index % WORKLOAD_API_EVERY === 0 ? 'workload api' : index % NEW_EVERY === 0 ? 'new' : 'kept';
  try {
    if (kind === 'workload api') await byWorkloadApi();
    else {
      const said = JSON.parse(
        (kind === 'new' ? await overNew() : await overKept()).replace(/^[0-9a-f]+\r\n|\r\n0.*$/gs, ''),
      );
      if (said.caller !== 'spiffe://bank-a/caller') throw new TypeError(`the service saw ${said.caller}`);
      const svid = workload.x509Svid();
      authorities = [authorityOf(svid), said.authority];
      serial = serialOf(svid);
    }
  } catch (error) {
    const why = `${kind}: ${faultCode(error) ?? String(error)}`;
    failures[why] = (failures[why] ?? 0) + 1;
    await pause(20);
  }
  calls++;
}

process.on('message', () => {
  const tally: Tally = { calls, failures, authorities, serial };
  calls = 0;
  failures = {};
  process.send?.(tally);
});
process.on('disconnect', () => process.exit());
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);

let index = 0;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (;;) {
      await call(++index);
      await pause(PAUSE_MILLIS);
    }
  }),
);
