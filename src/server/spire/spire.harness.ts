import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeAttestor } from '#attestation';
import { type Clock, Lifecycle, ManualClock, silentLog, systemClock, systemRandom } from '#kernel';
import { createClient, dialTls } from '#rpc';
import type { Client, ServiceDefinition } from '#wire';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { AgentDefinition } from '#wire/gen/spire/api/server/agent';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import { createCertificateRequest, encodeCertificateRequest, encodeRequestedPart, pemCertificates } from '#x509';
import type { AuthorityConfig } from '../authority-config.ts';
import { type RunningServer, startServer } from '../index.ts';

export const NAME = 'bank-a';

export interface Identity {
  readonly key: KeyObject;
  readonly chain: readonly Uint8Array[];
}

export interface Spire {
  readonly server: RunningServer;
  /** A client on the trust domain's admin socket. */
  local<D extends ServiceDefinition>(definition: D): Client<D>;
  /** A client of the trust domain's TLS port, by IP address and so without SNI. */
  tls<D extends ServiceDefinition>(definition: D, identity?: Identity): Client<D>;
  apply(...documents: readonly unknown[]): Promise<void>;
  /** The newest receipts of a kind, newest first. */
  receipts(kind: string, effect: string): Promise<readonly Record<string, unknown>[]>;
  /** A new agent, by join token. */
  attest(alias?: string): Promise<Identity & { readonly id: string }>;
  /** An identity that an operator has minted. */
  mint(path: string): Promise<Identity>;
  restart(): Promise<void>;
}

export interface HarnessOptions {
  readonly clock?: Clock;
  readonly rateLimits?: Readonly<Record<string, number>>;
  readonly nodeAttestors?: readonly NodeAttestor[];
  readonly authority?: AuthorityConfig;
  readonly adminIds?: Readonly<Record<string, string[]>>;
  /** File of the roots of `https_web` endpoints. */
  readonly webRoots?: string;
}

export const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
export const spiffeId = (path: string, trustDomain: string = NAME) => ({ trustDomain, path });

/** A server that hosts two trust domains with SPIRE's API on loopback. */
export async function withSpire(run: (spire: Spire) => Promise<void>, options: HarnessOptions = {}): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'spire-'));
  const life = new Lifecycle();
  const clock = options.clock ?? systemClock;
  const { rateLimits = { attestation: 0 }, nodeAttestors = [] } = options;
  const open = () =>
    startServer({
      dataDir: join(directory, 'data'),
      adminSocket: join(directory, 'a.sock'),
      sync: { host: '127.0.0.1', port: 0 },
      spire: { rateLimits, ...(options.adminIds === undefined ? {} : { adminIds: options.adminIds }) },
      moreNodeAttestors: nodeAttestors,
      ...(options.authority === undefined ? {} : { authority: options.authority }),
      ...(options.webRoots === undefined ? {} : { webRoots: options.webRoots }),
      clock,
      random: systemRandom,
      log: silentLog,
    });
  let server = await open();
  life.defer(() => server.close());
  const spire: Spire = {
    get server() {
      return server;
    },
    local: (definition) => life.own(createClient(definition, { socketPath: server.spire(NAME)?.socket ?? '' })),
    tls: (definition, identity) => life.own(createClient(definition, { dial: () => dial(server, identity) })),
    apply: async (...documents) => {
      const admin = createClient(AdminDefinition, { socketPath: server.adminSocket });
      await admin.apply({ documentsJson: documents.map((one) => JSON.stringify(one)), dryRun: false });
      await admin.close();
    },
    receipts: async (kind, effect) => {
      const admin = createClient(AdminDefinition, { socketPath: server.adminSocket });
      const { receiptsJson } = await admin.receipts({ limit: 500, kind, effect });
      await admin.close();
      return receiptsJson.map((json) => JSON.parse(json));
    },
    attest: async (alias) => {
      const [operator, client] = [spire.local(AgentDefinition), spire.tls(AgentDefinition)];
      const agentId = alias === undefined ? undefined : spiffeId(alias);
      const { value } = await operator.createJoinToken({ ttl: 60, token: '', agentId });
      return attestWith(client, 'join_token', Buffer.from(value));
    },
    mint: async (path) => {
      const key = newKey();
      const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
      const part = encodeRequestedPart(spki, `spiffe://${NAME}${path}`);
      const csr = encodeCertificateRequest(part, sign('sha256', part, key), 'ecdsa-sha256');
      const { svid } = await spire.local(SVIDDefinition).mintX509SVID({ csr, ttl: 600 });
      return { key, chain: svid?.certChain ?? [] };
    },
    restart: async () => {
      await server.close();
      server = await open();
    },
  };
  try {
    await spire.apply(trustDomain(NAME, { host: '127.0.0.1', port: 0 }), trustDomain('bank-b'));
    await run(spire);
  } finally {
    await life.close();
    rmSync(directory, { recursive: true });
  }
}

/** Runs AttestAgent to its end; challenges are answered by `respond`. */
export async function attestWith(
  client: Client<typeof AgentDefinition>,
  type: string,
  payload: Uint8Array,
  respond?: (challenge: Buffer) => Uint8Array,
): Promise<Identity & { readonly id: string; readonly reattestable: boolean }> {
  const key = newKey();
  const challenges: PromiseWithResolvers<Buffer> = Promise.withResolvers();
  async function* requests() {
    yield {
      params: { data: { type, payload }, params: { csr: createCertificateRequest(key) } },
      challengeResponse: undefined,
    };
    const challenge = await challenges.promise;
    if (respond !== undefined) yield { params: undefined, challengeResponse: respond(challenge) };
  }
  for await (const { challenge, result } of client.attestAgent(requests())) {
    if (challenge !== undefined) challenges.resolve(Buffer.from(challenge));
    if (result?.svid === undefined) continue;
    const { id, certChain } = result.svid;
    return { key, chain: certChain, id: `spiffe://${id?.trustDomain}${id?.path}`, reattestable: result.reattestable };
  }
  assert.fail('the stream ended without result');
}

/** A clock for tests that stands at the present, so that TLS agrees. */
export const manualClock = (): ManualClock => new ManualClock(Date.now());

function dial(server: RunningServer, identity: Identity | undefined) {
  const address = server.spire(NAME)?.tls;
  assert.ok(address !== undefined);
  return dialTls({
    ...address,
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
  });
}

function trustDomain(name: string, spireApi?: { readonly host: string; readonly port: number }) {
  const spec = spireApi === undefined ? {} : { spireApi };
  return { apiVersion: 'hauberk.dev/v1', kind: 'TrustDomain', metadata: { name }, spec };
}

export async function collect<T>(stream: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const one of stream) all.push(one);
  return all;
}
