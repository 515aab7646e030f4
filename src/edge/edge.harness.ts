// What the edge's tests stand on: real authorities and certificates, a real identity provider, services that tell what they saw, an edge with a
// fake of its agent.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, request } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect as connectNet, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { Authority } from '#authority';
import type { Receipt } from '#chain';
import { type Clock, Fault, Lifecycle, silentLog, systemClock, systemRandom, unixSeconds } from '#kernel';
import { MemoryKeyManager } from '#plugins/key-manager/memory';
import type { MinterQuestion, RevocationSubject } from '#sdk';
import { parseTrustDomain, SpiffeId, type X509Svid } from '#spiffe';
import type { MinterResource, ServiceResource } from '#wire';
import { pemCertificates } from '#x509';
import { type EdgeWorkload, type RunningEdge, startEdge } from './index.ts';

export const EDGE_ID = 'spiffe://platform.example/edge';
export const ALICE = 'spiffe://bank-a/user/12345';

export class FakeWorkload implements EdgeWorkload {
  readonly receipts: Receipt[] = [];
  readonly minters = new Map<string, MinterResource>();
  readonly services = new Map<string, ServiceResource>();
  readonly revoked = new Set<string>();
  readonly listeners = new Set<() => void>();
  readonly watchers = new Set<() => void>();
  full = false;
  expired = false;
  registrations = 0;
  dialled = 0;
  #svid: X509Svid;

  constructor(svid: X509Svid) {
    this.#svid = svid;
  }

  rotate(svid: X509Svid): void {
    this.#svid = svid;
    for (const listener of this.listeners) listener();
  }

  get id(): SpiffeId {
    return this.#svid.id;
  }

  svid(): X509Svid {
    if (this.expired) throw new Fault('IDENTITY_UNAVAILABLE', 'expired');
    return this.#svid;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  findService(name: string): ServiceResource | undefined {
    return this.services.get(name);
  }

  connect(name: string): Promise<TLSSocket> {
    this.dialled++;
    const endpoint = this.services.get(name)?.endpoints[0];
    if (endpoint === undefined) return Promise.reject(new Fault('SERVICE_UNKNOWN', 'no such service'));
    if (name.startsWith('impostor')) return Promise.reject(new Fault('PEER_ID_UNEXPECTED', 'not the one'));
    return new Promise((resolve, reject) => {
      const socket = connect({ ...endpoint, ...pem(this.#svid), rejectUnauthorized: false }, () => resolve(socket));
      socket.once('error', (cause) => reject(new Fault('UPSTREAM_UNAVAILABLE', 'not reached', { cause })));
    });
  }

  async registerMinter({ trustDomain, publicJwk, kinds }: MinterQuestion): Promise<MinterResource> {
    this.registrations++;
    const kid = String(publicJwk.kid);
    const notAfter = unixSeconds(systemClock) + 86_400;
    const minter = {
      kid,
      trustDomain,
      spiffeId: EDGE_ID,
      issuer: EDGE_ID,
      kinds,
      publicJwk,
      notAfter,
      maxLifetimeSeconds: 900,
    };
    this.minters.set(kid, minter);
    return minter;
  }

  isRevoked(_trustDomain: string, { user }: RevocationSubject): boolean {
    return user !== undefined && this.revoked.has(user);
  }

  onRevocation(listener: () => void): () => void {
    this.watchers.add(listener);
    return () => this.watchers.delete(listener);
  }

  revoke(user: string): void {
    this.revoked.add(user);
    for (const watcher of this.watchers) watcher();
  }

  report(receipt: Receipt): void {
    if (this.full) throw new Fault('LIMIT_EXCEEDED', 'full');
    this.receipts.push(receipt);
  }

  async close(): Promise<void> {}
}

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface House {
  readonly edge: RunningEdge;
  readonly workload: FakeWorkload;
  readonly seen: Seen[];
  readonly port: number;
  readonly host: string;
  readonly newSvid: () => Promise<X509Svid>;
  /** Starts the identity provider; until then it refuses connections' requests. */
  startProvider(): Promise<void>;
  close(): Promise<void>;
}

export interface HouseOptions {
  readonly clock?: Clock;
  readonly routes?: readonly unknown[];
}

/** Bytes of a large answer: far more than any buffer on the way. */
export const LARGE = 6 * 1024 * 1024;
const body = 'x'.repeat(LARGE);

/** `fixed`, `large`, `hang`, `drip`, `cut`, `401-minter`, `cookie` in a path make the service behave so. */
const service =
  (seen: Seen[]): RequestListener =>
  (incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url = '', rawHeaders, headers } = incoming;
      if (url.includes('fixed')) return void response.end('fixed');
      seen.push({ method, url, rawHeaders, headers, body: Buffer.concat(chunks).toString() });
      if (url.includes('hang')) return;
      if (url.includes('large-chunked')) return void response.write(body, () => response.end());
      if (url.includes('large')) return void response.end(body);
      if (url.includes('drip')) return void response.write('first');
      if (url.includes('cut')) return void incoming.socket.destroy();
      if (url.includes('401-minter')) return void response.writeHead(401, { 'x-hauberk-code': 'MINTER_UNKNOWN' }).end();
      if (url.includes('cookie'))
        response.setHeader('set-cookie', ['__Host-hauberk=evil; Path=/', '__host-HAUBERK-login-x=1', 'own=1']);
      response.setHeader('x-request-id', 'theirs');
      response.setHeader('txn-token', 'theirs');
      response.end(JSON.stringify(headers));
    });
  };

export async function startHouse({ clock = systemClock, routes = ROUTES }: HouseOptions = {}): Promise<House> {
  const life = new Lifecycle();
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-edge-'));
  life.defer(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'secret'), 'a secret of the client\n');
  writeFileSync(join(directory, 'index.html'), '<!doctype html><title>bank</title>');
  const platform = await authorityOf('platform.example');
  const bank = await authorityOf('bank-a');
  const newSvid = () => svidOf(platform, EDGE_ID, ['bank.localhost']);
  const workload = new FakeWorkload(await newSvid());
  const seen: Seen[] = [];
  const behind = createTlsServer({ ...pem(await svidOf(bank, 'spiffe://bank-a/api-gateway')) }, service(seen)).listen(
    0,
    '127.0.0.1',
  );
  life.defer(() => {
    behind.closeAllConnections();
    behind.close();
  });
  await new Promise((resolve) => behind.once('listening', resolve));
  for (const [name, trustDomain] of [
    ['api-gateway.bank-a', 'bank-a'],
    ['api-gateway.bank-b', 'bank-b'],
    ['impostor.bank-a', 'bank-a'],
  ] as const)
    workload.services.set(name, serviceResource(name, trustDomain, portOf(behind.address())));
  let provide: RequestListener = (_request, response) => void response.destroy();
  const login = createServer((incoming, response) => provide(incoming, response)).listen(0, '127.0.0.1');
  life.defer(() => {
    login.closeAllConnections();
    login.close();
  });
  await new Promise((resolve) => login.once('listening', resolve));
  const issuer = `http://login.localhost:${portOf(login.address())}`;
  const edge = life.own(
    await startEdge({
      service: 'platform/edge',
      http: { host: '127.0.0.1', port: 0 },
      https: { host: '127.0.0.1', port: 0 },
      hosts: ['bank.localhost'],
      agentSocket: 'unused',
      document: edgeDocument(issuer, directory),
      routes: [...routes],
      clock,
      random: systemRandom,
      log: silentLog,
      workload,
    }),
  );
  const port = edge.http?.port ?? 0;
  const host = `bank.localhost:${port}`;
  return {
    ...{ edge, workload, seen, port, host, newSvid },
    startProvider: async () => {
      provide = await newProvider(issuer, `http://${host}/.hauberk/callback`);
    },
    close: () => life.close(),
  };
}

const INJECT = [
  { name: 'X-User-ID', value: '{{ .token.sub }}' },
  { name: 'X-User-Roles', value: '{{ .token.Claims.roles }}' },
  { name: 'X-Session-ID', value: '{{ .token.sid }}' },
  { name: 'X-Department', value: '{{ .token.department }}' },
];

export const mapping = (name: string, prefix: string, more: object = {}): unknown => ({
  apiVersion: 'getambassador.io/v3alpha1',
  kind: 'Mapping',
  metadata: { name, namespace: 'platform' },
  spec: { hostname: 'bank.localhost', prefix, service: `https://api-gateway.bank-a`, ...more },
});

const ROUTES = [
  mapping('bank-a', '/bank-a/', { jwt: { requireToken: true, injectRequestHeaders: INJECT } }),
  mapping('bank-b', '/bank-b/', { service: 'https://api-gateway.bank-b', jwt: { requireToken: true } }),
  mapping('impostor', '/impostor/', { service: 'https://impostor.bank-a' }),
  mapping('nowhere', '/nowhere/', { service: 'https://nobody.bank-a' }),
  mapping('slow', '/slow/', { timeout_ms: 200 }),
  mapping('public', '/public/', { bypass_auth: true }),
];

function edgeDocument(issuer: string, directory: string): unknown {
  return {
    apiVersion: 'hauberk.dev/v1',
    kind: 'Edge',
    metadata: { name: 'edge', namespace: 'platform' },
    spec: {
      oidc: {
        issuer,
        clientId: 'bank',
        clientSecretFile: join(directory, 'secret'),
        scopes: ['openid', 'profile', 'email'],
      },
      session: { lifetime: '8h', idle: '1h' },
      identities: [
        { when: { claim: 'tenant', equals: 'bank-a' }, spiffeId: 'spiffe://bank-a/user/{user_id}', tenant: 'bank-a' },
      ],
      tokens: { txnToken: { lifetime: '10s' }, internalJwt: { lifetime: '5m' } },
      pages: directory,
    },
  };
}

const PEOPLE: Readonly<Record<string, object>> = {
  alice: {
    tenant: 'bank-a',
    user_id: 12345,
    name: 'Alice',
    roles: ['customer', 'teller'],
    email: 'alice@bank-a.example',
    email_verified: true,
  },
  mallory: { tenant: 'bank-a', user_id: '../admin' },
  stranger: { tenant: 'bank-z', user_id: '1' },
};

/** oidc-provider with its own development pages: any password will do. It publishes no types. */
async function newProvider(issuer: string, redirectUri: string): Promise<RequestListener> {
  const name: string = 'oidc-provider';
  const { warn } = console;
  console.warn = () => {};
  const { Provider } = await import(name);
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'bank',
        client_secret: 'a secret of the client',
        redirect_uris: [redirectUri],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) }),
    claims: { openid: ['sub'], profile: ['name', 'tenant', 'user_id', 'roles'], email: ['email', 'email_verified'] },
    cookies: { keys: ['a key of the test'] },
    pkce: { required: () => true },
    ttl: { Session: 600, Grant: 600, AccessToken: 600, IdToken: 600, Interaction: 600, AuthorizationCode: 60 },
  });
  console.warn = warn;
  return provider.callback();
}

export interface Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
}

/** One request; names under localhost are dialled on loopback. */
export function ask(target: string | URL, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
  const url = new URL(target);
  const options = {
    host: '127.0.0.1',
    port: url.port,
    method,
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, ...headers },
    agent: false,
  } as const;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...options,
        headers: Object.fromEntries(
          Object.entries(options.headers).map(([key, value]) => [key, typeof value === 'string' ? value : [...value]]),
        ),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({ url, status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Bytes as they are; everything that comes back until the edge closes. */
/** Bytes as they are; all that comes back until the end. */
export function raw(port: number, bytes: string): Promise<string> {
  return said(connectNet(port, '127.0.0.1'), bytes);
}

export function rawTls(port: number, bytes: string): Promise<string> {
  return said(connect({ host: '127.0.0.1', port, rejectUnauthorized: false }), bytes);
}

function said(socket: Socket, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, 'latin1');
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

export class Browser {
  readonly jar = new Map<string, Map<string, string>>();

  async send(target: string | URL, asked: Ask = {}): Promise<Answer> {
    const { hostname } = new URL(target);
    const jar = this.jar.get(hostname) ?? new Map<string, string>();
    this.jar.set(hostname, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await ask(target, { ...asked, headers: { ...(cookie === '' ? {} : { cookie }), ...asked.headers } });
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const pair = line.split(';')[0] ?? '';
      const name = pair.slice(0, pair.indexOf('='));
      if (/max-age=0/i.test(line) || /expires=thu, 01 jan 1970/i.test(line)) jar.delete(name);
      else jar.set(name, pair.slice(pair.indexOf('=') + 1));
    }
    return answer;
  }

  page(target: string | URL, asked: Ask = {}): Promise<Answer> {
    return this.send(target, {
      ...asked,
      headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', ...asked.headers },
    });
  }

  /** Follows redirects and fills in forms until the callback; hands back the callback's URL without asking it. */
  async walkToCallback(start: string | URL, user: string): Promise<URL> {
    let answer = await this.page(start);
    for (let step = 0; step < 15; step++) {
      const { location } = answer.headers;
      if (typeof location === 'string') {
        const next = new URL(location, answer.url);
        if (next.pathname === '/.hauberk/callback') return next;
        answer = await this.page(next);
        continue;
      }
      const action = /action="([^"]+)"/.exec(answer.body)?.[1];
      const prompt = /name="prompt" value="([^"]+)"/.exec(answer.body)?.[1];
      if (action === undefined || prompt === undefined) throw new Error(`no form: ${answer.status} ${answer.body}`);
      const body = new URLSearchParams({ prompt, login: user, password: 'any' }).toString();
      const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) };
      answer = await this.page(new URL(action, answer.url), { method: 'POST', headers, body });
    }
    throw new Error('too many steps');
  }

  async signIn(house: House, user = 'alice', back = '/'): Promise<Answer> {
    const start = `http://${house.host}/.hauberk/login?return=${encodeURIComponent(back)}`;
    return this.page(await this.walkToCallback(start, user));
  }
}

function serviceResource(full: string, trustDomain: string, port: number): ServiceResource {
  const [name = '', namespace = ''] = full.split('.');
  return {
    name,
    namespace,
    trustDomain,
    spiffeId: `spiffe://${trustDomain}/${name}`,
    labels: {},
    protocol: 'http',
    endpoints: [{ host: '127.0.0.1', port }],
  };
}

async function authorityOf(name: string): Promise<Authority> {
  const journal = { load: async () => undefined, save: async () => {} };
  const trustDomain = parseTrustDomain(name);
  const authority = new Authority({
    trustDomain,
    keyManager: new MemoryKeyManager(),
    journal,
    clock: systemClock,
    random: systemRandom,
    caTtlSeconds: 86_400,
  });
  await authority.ready();
  return authority;
}

async function svidOf(authority: Authority, id: string, dnsNames: readonly string[] = []): Promise<X509Svid> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const publicKeySpki = publicKey.export({ type: 'spki', format: 'der' });
  const issued = await authority.issueX509Svid({
    id: SpiffeId.parse(id),
    publicKeySpki,
    ttlSeconds: 3600,
    dnsNames: [...dnsNames],
  });
  return {
    id: SpiffeId.parse(id),
    chain: issued.chain,
    privateKey,
    notBefore: issued.notBefore,
    notAfter: issued.notAfter,
  };
}

function pem(svid: X509Svid): { readonly key: string | Buffer; readonly cert: string } {
  return { key: svid.privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: pemCertificates(svid.chain) };
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
