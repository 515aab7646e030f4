// SPIRE's server API over its own sockets: a server process of ours with the rate limits off, and this process as its clients, which send requests
// that were encoded before and look at the length of the answers only. No request's key is one that the server has seen lately. The limit of each
// figure is the same call, as large, on the same listener, that is refused before anything is signed or written. Beside it stands what one SVID costs
// the server in processor time, all of its threads together, which a busy machine changes little.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { AgentDefinition, AttestAgentRequest, type AttestAgentResponse } from '#wire/gen/spire/api/server/agent';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { BatchNewX509SVIDRequest, MintJWTSVIDRequest, MintX509SVIDRequest } from '#wire/gen/spire/api/server/svid';
import { Entry } from '#wire/gen/spire/api/types';
import { createCertificateRequest, encodeCertificateRequest, encodeRequestedPart, pemCertificates } from '#x509';
import type { Figure } from './figure.ts';
import { processorTime } from './processor.ts';
import { type BenchServer, type Identity, startServer } from './spire-api/bench-server.ts';
import { RawCalls, type RawRequest, rawRequest } from './spire-api/raw-calls.ts';

const WARM_MILLIS = 500;
const MEASURE_MILLIS = 1500;
/** More than the server remembers. */
const KEYS = 3000;
const TOKENS = 4000;
const ENTRY = 'web';
const ID = { trustDomain: 'bank-a', path: '/web' };
const SVID = '/spire.api.server.svid.v1.SVID';
const ATTEST = '/spire.api.server.agent.v1.Agent/AttestAgent';
/** No certificate and no token is shorter. */
const SVID_BYTES = 200;
// Gates against getting slower, well below what was measured on a machine that was busy with other things; they are no goals.
const BUDGETS = { 1: 0.15, 10: 0.05, 100: 0.03, 500: 0.02, x509: 0.15, jwt: 0.15, attest: 0.02 } as const;

export async function run(): Promise<readonly Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'));
  const server = await startServer(directory);
  try {
    return [...(await batches(server)), ...(await minting(server)), ...(await attesting(server))];
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true });
  }
}

async function batches(server: BenchServer): Promise<readonly Figure[]> {
  const parentId = { trustDomain: 'bank-a', path: '/node/bench' };
  const selectors = [{ type: 'unix', value: 'uid:1' }];
  const entry = { ...Entry.decode(new Uint8Array()), id: ENTRY, spiffeId: ID, parentId, selectors };
  await server.local(EntryDefinition).batchCreateEntry({ entries: [entry], outputMask: undefined });
  const [token] = await tokens(server, 1);
  const agent = await attestedAgent(server, token ?? '');
  const csrs = Array.from({ length: KEYS }, () => createCertificateRequest(newKey()));
  const figures: Figure[] = [];
  for (const size of [1, 10, 100, 500] as const) {
    const requestsFor = (entryId: string): RawRequest[] =>
      Array.from({ length: KEYS / size }, (_, turn) => {
        const params = csrs.slice(turn * size, (turn + 1) * size).map((csr) => ({ entryId, csr }));
        return rawRequest(BatchNewX509SVIDRequest.encode({ params }).finish());
      });
    const load = { path: `${SVID}/BatchNewX509SVID`, inFlight: size === 1 ? 64 : size === 10 ? 16 : 4, size };
    const refused = await measure(server, await server.dialTls(agent), { ...load, requests: requestsFor('unknown') });
    const requests = requestsFor(ENTRY);
    const issued = await measure(server, await server.dialTls(agent), { ...load, requests, leastBytes: SVID_BYTES });
    figures.push(...figuresOf(`spire-api.batch-${size}`, 'SVIDs/s', { issued, refused, budget: BUDGETS[size] }));
  }
  return figures;
}

async function minting(server: BenchServer): Promise<readonly Figure[]> {
  const csrs = Array.from({ length: KEYS }, namedRequest);
  // Refused for its lifetime, before anything is made.
  const mint = (ttl: number) => csrs.map((csr) => rawRequest(MintX509SVIDRequest.encode({ csr, ttl }).finish()));
  const x509Load = { path: `${SVID}/MintX509SVID`, inFlight: 64, size: 1 };
  const [late] = mint(-1);
  const refused = await measure(server, await server.dialLocal(), { ...x509Load, requests: late ? [late] : [] });
  const x509 = await measure(server, await server.dialLocal(), {
    ...x509Load,
    requests: mint(60),
    leastBytes: SVID_BYTES,
  });
  const jwt = await measure(server, await server.dialLocal(), {
    path: `${SVID}/MintJWTSVID`,
    inFlight: 64,
    size: 1,
    requests: [rawRequest(MintJWTSVIDRequest.encode({ id: ID, audience: ['db'], ttl: 60 }).finish())],
    leastBytes: SVID_BYTES,
  });
  return [
    ...figuresOf('spire-api.mint-x509', 'SVIDs/s', { issued: x509, refused, budget: BUDGETS.x509 }),
    ...figuresOf('spire-api.mint-jwt', 'SVIDs/s', { issued: jwt, refused, budget: BUDGETS.jwt }),
  ];
}

async function attesting(server: BenchServer): Promise<readonly Figure[]> {
  const ready = await tokens(server, TOKENS);
  const csr = createCertificateRequest(newKey());
  const request = (token: string) => rawRequest(AttestAgentRequest.encode(attestation(token, csr)).finish());
  const load = { path: ATTEST, inFlight: 32, size: 1 };
  const refused = await measure(server, await server.dialTls(), { ...load, requests: [request('unknown')] });
  const issued = await measure(server, await server.dialTls(), {
    ...load,
    requests: ready.map(request),
    leastBytes: SVID_BYTES,
    once: true,
  });
  return figuresOf('spire-api.attest', 'agents/s', { issued, refused, budget: BUDGETS.attest });
}

function attestation(token: string, csr: Buffer) {
  const data = { type: 'join_token', payload: Buffer.from(token) };
  return { params: { data, params: { csr } }, challengeResponse: undefined };
}

async function attestedAgent(server: BenchServer, token: string): Promise<Identity> {
  const key = newKey();
  async function* requests() {
    yield attestation(token, createCertificateRequest(key));
  }
  let last: AttestAgentResponse | undefined;
  for await (const answer of server.tls(AgentDefinition).attestAgent(requests())) last = answer;
  const chain = last?.result?.svid?.certChain;
  if (chain === undefined) throw new TypeError('the server did not answer');
  return { key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), cert: pemCertificates(chain) };
}

async function tokens(server: BenchServer, count: number): Promise<string[]> {
  const client = server.local(AgentDefinition);
  const agentId = { trustDomain: 'bank-a', path: '/node/bench' };
  const made: string[] = [];
  const one = async (): Promise<void> => {
    while (made.length < count) made.push((await client.createJoinToken({ ttl: 600, token: '', agentId })).value);
  };
  await Promise.all(Array.from({ length: Math.min(count, 32) }, one));
  return made;
}

interface Load {
  readonly path: string;
  readonly requests: readonly RawRequest[];
  readonly inFlight: number;
  /** SVIDs of one call. */
  readonly size: number;
  /** An answer with fewer for each SVID is a failure of the bench. */
  readonly leastBytes?: number;
  /** No request is sent twice: the measure ends with them. */
  readonly once?: boolean;
}

interface Measured {
  readonly perSecond: number;
  /** Of the server, microseconds for each SVID. */
  readonly cost: number;
  readonly mainCost: number;
}

async function measure(server: BenchServer, socket: Duplex, load: Load): Promise<Measured> {
  const calls = server.own(new RawCalls(socket, load.path));
  let turn = 0;
  const repeat = async (until: number): Promise<number> => {
    let done = 0;
    const one = async (): Promise<void> => {
      while (performance.now() < until && (load.once !== true || turn < load.requests.length)) {
        const bytes = await calls.call(load.requests[turn++ % load.requests.length] ?? Buffer.alloc(0));
        if (bytes < (load.leastBytes ?? 0) * load.size) throw new TypeError(`${load.path} answered ${bytes} bytes`);
        done += load.size;
      }
    };
    await Promise.all(Array.from({ length: load.inFlight }, one));
    return done;
  };
  await repeat(performance.now() + WARM_MILLIS);
  const [start, before] = [performance.now(), processorTime(server.pid)];
  const done = await repeat(start + MEASURE_MILLIS);
  const [seconds, after] = [(performance.now() - start) / 1000, processorTime(server.pid)];
  return {
    perSecond: done / seconds,
    cost: (after.all - before.all) / done,
    mainCost: (after.main - before.main) / done,
  };
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
}

/** With a name inside, which our own requests never have. */
function namedRequest(): Buffer {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const part = encodeRequestedPart(publicKey.export({ type: 'spki', format: 'der' }), 'spiffe://bank-a/web');
  return encodeCertificateRequest(part, sign('sha256', part, { key, dsaEncoding: 'der' }), 'ecdsa-sha256');
}

function figuresOf(
  name: string,
  unit: string,
  { issued, refused, budget }: { readonly issued: Measured; readonly refused: Measured; readonly budget: number },
): readonly Figure[] {
  const [value, limit] = [issued.perSecond, refused.perSecond];
  const ratio = value / limit;
  const none = { limit: null, ratio: null, budget: null, ok: true };
  return [
    { name, unit, value, limit, ratio, budget: `>= ${budget} of the same call, refused`, ok: ratio >= budget },
    { name: `${name}.processor`, unit: 'µs of the server for each', value: issued.cost, ...none },
    { name: `${name}.main-thread`, unit: 'µs of the server for each', value: issued.mainCost, ...none },
  ];
}
