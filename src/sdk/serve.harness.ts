// What the tests of a service's server stand on: a server with forged certificates, a clock of its own, and a client with another.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import type { Receipt } from '#chain';
import { mintToken } from '#jwt';
import { type Clock, Fault, ManualClock, systemRandom, unixSeconds } from '#kernel';
import type { RevocationResource, ServiceResource, TokenKind } from '#wire';
import { pemCertificates } from '#x509';
import { type Forged, forge } from '../../test/forge/certificate.ts';
import { dialService } from './dial-service.ts';
import { Enforcement } from './enforcement.ts';
import type { Handler } from './exchange.ts';
import { type FetchInit, type FetchResponse, ServicePool } from './fetch.ts';
import { Identity } from './identity.ts';
import { createGuardedServer } from './serve.ts';
import type { ServeOptions } from './serve-options.ts';

export const ID = 'spiffe://bank-a/service';
export const EDGE = 'spiffe://bank-a/edge';
export const ALICE = 'spiffe://bank-a/user/12345';
export const TXN = 'a'.repeat(32);
export const HOUR = 3_600_000;
const kid = 'key-of-the-edge';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
export const service: ServiceResource = {
  name: 'service',
  namespace: 'bank-a',
  trustDomain: 'bank-a',
  spiffeId: ID,
  labels: {},
  protocol: 'http',
  endpoints: [],
};

interface Message {
  readonly id?: string;
  readonly trusted?: readonly Forged[];
  readonly lifetime?: number;
}

/** A message of the Workload API: a leaf of `authority` and the bundle `trusted`. */
export function message(clock: Pick<Clock, 'now'>, authority: Forged, change: Message = {}) {
  const { id = ID, trusted = [authority], lifetime = HOUR } = change;
  const leaf = forge({ uris: [id], notBefore: clock.now() - 2 * HOUR, notAfter: clock.now() + lifetime }, authority);
  const svid = {
    spiffeId: id,
    x509Svid: leaf.der,
    x509SvidKey: leaf.key.export({ type: 'pkcs8', format: 'der' }),
    bundle: Buffer.concat(trusted.map(({ der }) => der)),
    hint: '',
  };
  return { svids: [svid], crl: [], federatedBundles: {} };
}

export const authorityAt = (clock: Pick<Clock, 'now'>): Forged =>
  forge({ ca: true, notBefore: clock.now() - HOUR, notAfter: clock.now() + 100 * HOUR });

export interface Served {
  readonly clock: ManualClock;
  readonly authority: Forged;
  readonly identity: Identity;
  readonly enforcement: Enforcement;
  readonly receipts: Receipt[];
  readonly pool: ServicePool;
  readonly server: Server;
  /** The caller's certificate. */
  readonly client: { readonly key: string | Buffer; readonly cert: string };
  ask(path?: string, init?: FetchInit): Promise<{ status: number; code: unknown; body: unknown }>;
  token(kind?: TokenKind, change?: Readonly<Record<string, unknown>>): Promise<string>;
  /** As the agent would send it, at the server's time. */
  revoke(kind: RevocationResource['kind'], value: string): void;
  /** Bytes as they are, over TLS with the caller's certificate unless said otherwise; all that comes back until the end. */
  raw(bytes: string, tls?: ConnectionOptions): Promise<string>;
}

export interface Setting {
  readonly handler?: Handler;
  readonly reserve?: () => (receipt: Receipt) => void;
  /** Who the client is: another workload unless said otherwise. */
  readonly caller?: string;
  readonly options?: Partial<ServeOptions>;
}

export async function serving(run: (served: Served) => Promise<void>, setting: Setting = {}): Promise<void> {
  const clock = new ManualClock(Date.UTC(2026, 5, 1));
  const authority = authorityAt(clock);
  const identity = new Identity(clock);
  // The client has a clock of its own, so that only the server's judgement is tried.
  const client = new Identity(new ManualClock(clock.now()));
  identity.apply(message(clock, authority));
  client.apply(message(clock, authority, { id: setting.caller ?? ID, lifetime: 2 * HOUR }));
  const receipts: Receipt[] = [];
  const enforcement = anyone(unixSeconds(clock));
  const server = createGuardedServer(
    {
      ...{ identity, enforcement, clock, random: systemRandom },
      self: () => service,
      reserve: setting.reserve ?? (() => (receipt) => receipts.push(receipt)),
      fetch: () => Promise.reject(new Fault('SERVICE_UNKNOWN', 'there is no other service')),
      ...setting.options,
    },
    setting.handler ?? (async ({ headers, path }) => ({ body: JSON.stringify({ headers, path }) })),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port }: AddressInfo = Object(server.address());
  const there = { ...service, endpoints: [{ host: '127.0.0.1', port }] };
  const pool = new ServicePool(() => dialService(there, client, (chain) => void client.verify(chain, 'server')));
  const { chain, privateKey: key } = client.svid();
  const pem = { key: key.export({ type: 'pkcs8', format: 'pem' }), cert: pemCertificates(chain) };
  const served: Served = {
    ...{ clock, authority, identity, enforcement, receipts, pool, server, client: pem },
    ask: async (path = '/', init = {}) => seen(await pool.request(path, 'x', init)),
    token: (kind = 'txn-token', change = {}) => mint(kind, unixSeconds(clock), change),
    revoke: (kind, value) => {
      const bodyJson = JSON.stringify({ kind, value, revokedAt: unixSeconds(clock) });
      const upserts = [{ kind: 'Revocation', key: `${kind}:${value}`, bodyJson }];
      enforcement.apply({ trustDomain: 'bank-a', revision: 2n, full: false, upserts, removals: [] });
    },
    raw: (bytes, tls = {}) => raw(bytes, { ...{ host: '127.0.0.1', port, rejectUnauthorized: false }, ...pem, ...tls }),
  };
  try {
    await run(served);
  } finally {
    pool.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Everyone may come; the edge is minter. */
export function anyone(now: number): Enforcement {
  const enforcement = new Enforcement();
  const policy = { metadata: { name: 'anyone', namespace: 'bank-a' }, spec: { rules: [{}] } };
  const minter = {
    ...{ kid, trustDomain: 'bank-a', spiffeId: EDGE, issuer: EDGE, kinds: ['txn-token', 'internal-jwt'] },
    publicJwk: createPublicKey(privateKey).export({ format: 'jwk' }),
    ...{ notAfter: now + 86_400, maxLifetimeSeconds: 36_000 },
  };
  const upserts = [
    { kind: 'AuthorizationPolicy', key: 'bank-a/anyone', bodyJson: JSON.stringify(policy) },
    { kind: 'Minter', key: kid, bodyJson: JSON.stringify(minter) },
  ];
  enforcement.apply({ trustDomain: 'bank-a', revision: 1n, full: true, upserts, removals: [] });
  return enforcement;
}

export function mint(kind: TokenKind, now: number, change: Readonly<Record<string, unknown>>): Promise<string> {
  const common = { iss: EDGE, aud: 'bank-a', iat: now, exp: now + 36_000, sub: ALICE };
  const own =
    kind === 'txn-token'
      ? { txn: TXN, scope: 'read', req_wl: EDGE, tctx: { tenant: 'bank-a', roles: ['user'], sid: 'session-1' } }
      : { jti: 'one', tenant: 'bank-a', roles: ['user'], sid: 'session-1', scope: ['read'] };
  return mintToken({ kind, claims: { ...common, ...own, ...change }, kid, key: privateKey });
}

async function seen(answer: FetchResponse): Promise<{ status: number; code: unknown; body: unknown }> {
  const body = await answer.json();
  return { status: answer.status, code: Object(body).code, body };
}

function raw(bytes: string, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(options, () => socket.write(bytes, 'latin1'));
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', (error) => {
      text += `[${Object(error).code}]`;
    });
    socket.on('close', () => resolve(text));
  });
}
