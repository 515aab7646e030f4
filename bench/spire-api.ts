// SPIRE's server API over its own sockets: a server process of ours with the rate limits off, and this process as its clients. The limit of each
// figure is the same call, as large, on the same listener, that is refused before anything is signed or written.
import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient, dialTls } from '#rpc';
import type { Client } from '#wire';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { EntryDefinition } from '#wire/gen/spire/api/server/entry';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { Entry } from '#wire/gen/spire/api/types';
import { createCertificateRequest, pemCertificates } from '#x509';
import type { Figure } from './figure.ts';

const WARM_MILLIS = 300;
const MEASURE_MILLIS = 1200;
const KEYS = 100;
const TOKENS = 1500;
const ENTRY = 'web';
// Gates against getting slower, well below what was measured on a machine that was busy with other things; they are no goals.
const BUDGETS = { 1: 0.15, 10: 0.05, 100: 0.03, 500: 0.02, x509: 0.15, jwt: 0.15, attest: 0.02 } as const;

type Work = (turn: number) => Promise<unknown>;

export async function run(): Promise<readonly Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'));
  const server = await startServer(directory);
  try {
    return [...(await batches(server)), ...(await minting(server, directory)), await attesting(server)];
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true });
  }
}

async function batches(server: BenchServer): Promise<readonly Figure[]> {
  const entry = {
    ...Entry.decode(new Uint8Array()),
    id: ENTRY,
    spiffeId: { trustDomain: 'bank-a', path: '/web' },
    parentId: { trustDomain: 'bank-a', path: '/node/bench' },
    selectors: [{ type: 'unix', value: 'uid:1' }],
  };
  await server.local(EntryDefinition).batchCreateEntry({ entries: [entry], outputMask: undefined });
  const [token] = await tokens(server, 1);
  const client = server.tls(SVIDDefinition, await attest(server.tls(AgentDefinition), token ?? ''));
  const csrs = Array.from({ length: KEYS }, () => createCertificateRequest(newKey()));
  const figures: Figure[] = [];
  for (const size of [1, 10, 100, 500] as const) {
    const call = (entryId: string) => (turn: number) => {
      const params = Array.from({ length: size }, (_, index) => ({
        entryId,
        csr: csrs[(turn + index) % KEYS] ?? Buffer.alloc(0),
      }));
      return client.batchNewX509SVID({ params });
    };
    const inFlight = size === 1 ? 64 : size === 10 ? 16 : 4;
    const limit = (await perSecond(call('unknown'), inFlight)) * size;
    const value = (await perSecond(call(ENTRY), inFlight)) * size;
    figures.push(figure(`spire-api.batch-${size}`, 'SVIDs/s', { value, limit, budget: BUDGETS[size] }));
  }
  return figures;
}

async function minting(server: BenchServer, directory: string): Promise<readonly Figure[]> {
  const client = server.local(SVIDDefinition);
  const csr = namedRequest(directory);
  const id = { trustDomain: 'bank-a', path: '/web' };
  // Refused for its lifetime, before its request is looked at.
  const limit = await perSecond(() => client.mintX509SVID({ csr, ttl: -1 }).catch(() => undefined), 64);
  const x509 = await perSecond(() => client.mintX509SVID({ csr, ttl: 60 }), 64);
  const jwt = await perSecond(() => client.mintJWTSVID({ id, audience: ['db'], ttl: 60 }), 64);
  return [
    figure('spire-api.mint-x509', 'SVIDs/s', { value: x509, limit, budget: BUDGETS.x509 }),
    figure('spire-api.mint-jwt', 'SVIDs/s', { value: jwt, limit, budget: BUDGETS.jwt }),
  ];
}

async function attesting(server: BenchServer): Promise<Figure> {
  const client = server.tls(AgentDefinition);
  const ready = await tokens(server, TOKENS);
  const limit = await perSecond(() => attest(client, 'unknown').catch(() => undefined), 32);
  const start = performance.now();
  let done = 0;
  const one = async (): Promise<void> => {
    for (
      let token = ready.pop();
      token !== undefined && performance.now() < start + MEASURE_MILLIS;
      token = ready.pop()
    ) {
      await attest(client, token);
      done++;
    }
  };
  await Promise.all(Array.from({ length: 32 }, one));
  const value = (done * 1000) / (performance.now() - start);
  return figure('spire-api.attest', 'agents/s', { value, limit, budget: BUDGETS.attest });
}

interface Identity {
  readonly key: KeyObject;
  readonly chain: readonly Uint8Array[];
}

const KEY = newKey();
const CSR = createCertificateRequest(KEY);

async function attest(client: Client<typeof AgentDefinition>, token: string): Promise<Identity> {
  async function* requests() {
    const data = { type: 'join_token', payload: Buffer.from(token) };
    yield { params: { data, params: { csr: CSR } }, challengeResponse: undefined };
  }
  let identity: Identity | undefined;
  for await (const { result } of client.attestAgent(requests()))
    if (result?.svid !== undefined) identity = { key: KEY, chain: result.svid.certChain };
  if (identity === undefined) throw new TypeError('the server did not answer');
  return identity;
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

type BenchServer = Awaited<ReturnType<typeof startServer>>;

async function startServer(directory: string) {
  const adminSocket = join(directory, 'a.sock');
  const config = join(directory, 'server.json');
  const rateLimits = { attestation: 0, renewal: 0, status: 0, publish: 0, x509: 0, jwt: 0, wit: 0 };
  const sync = { host: '127.0.0.1', port: 0 };
  writeFileSync(config, JSON.stringify({ dataDir: join(directory, 'data'), adminSocket, sync, spire: { rateLimits } }));
  const main = join(import.meta.dirname, '../src/server/main.ts');
  const child = spawn(process.execPath, [main, '--config', config], { stdio: ['ignore', 'pipe', 'ignore'] });
  await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const port = await freePort();
  const admin = createClient(AdminDefinition, { socketPath: adminSocket });
  const spec = { spireApi: { host: '127.0.0.1', port } };
  const domain = { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name: 'bank-a' }, spec };
  await admin.apply({ documentsJson: [JSON.stringify(domain)], dryRun: false });
  await admin.close();
  const opened: { close(): Promise<void> }[] = [];
  const own = <T extends { close(): Promise<void> }>(client: T): T => {
    opened.push(client);
    return client;
  };
  return {
    local: <D extends Parameters<typeof createClient>[0]>(definition: D) =>
      own(createClient<D>(definition, { socketPath: join(directory, 'spire', 'bank-a.sock') })),
    tls: <D extends Parameters<typeof createClient>[0]>(definition: D, identity?: Identity) =>
      own(
        createClient<D>(definition, {
          dial: () =>
            dialTls({
              host: '127.0.0.1',
              port,
              servername: '',
              verify: () => {},
              ...(identity === undefined
                ? {}
                : {
                    identity: {
                      key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
                      cert: pemCertificates(identity.chain),
                    },
                  }),
            }),
        }),
      ),
    stop: async () => {
      for (const one of opened) await one.close();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
}

/** With a name inside, which our own requests never have. */
function namedRequest(directory: string): Buffer {
  const [key, out] = [join(directory, 'key.pem'), join(directory, 'csr.der')];
  writeFileSync(key, newKey().export({ type: 'pkcs8', format: 'pem' }));
  const names = ['-addext', 'subjectAltName=URI:spiffe://bank-a/web'];
  execFileSync('/usr/bin/openssl', [
    'req',
    '-new',
    '-key',
    key,
    '-subj',
    '/',
    '-outform',
    'DER',
    '-out',
    out,
    ...names,
  ]);
  return readFileSync(out);
}

async function perSecond(work: Work, inFlight: number): Promise<number> {
  let turn = 0;
  const repeat = async (until: number): Promise<number> => {
    let done = 0;
    const one = async (): Promise<void> => {
      while (performance.now() < until) {
        await work(turn++);
        done++;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, one));
    return done;
  };
  await repeat(performance.now() + WARM_MILLIS);
  const start = performance.now();
  const done = await repeat(start + MEASURE_MILLIS);
  return (done * 1000) / (performance.now() - start);
}

function figure(
  name: string,
  unit: string,
  { value, limit, budget }: { readonly value: number; readonly limit: number; readonly budget: number },
): Figure {
  const ratio = value / limit;
  return { name, unit, value, limit, ratio, budget: `>= ${budget} of the same call, refused`, ok: ratio >= budget };
}
