// What the gate's tests stand on: a real PostgreSQL server, real authorities and tokens, a gate with a fake of its agent.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Authority } from '#authority';
import { newTxn, type Receipt } from '#chain';
import { mintToken } from '#jwt';
import { type Clock, Fault, Lifecycle, silentLog, systemClock, systemRandom, unixSeconds } from '#kernel';
import { MemoryKeyManager } from '#plugins/key-manager/memory';
import { startPostgres } from '#plugins/postgres';
import type { RevocationSubject } from '#sdk';
import { parseTrustDomain, parseX509Bundle, SpiffeId, verifyX509Svid, type X509Svid } from '#spiffe';
import type { MinterResource, RevocationResource } from '#wire';
import { pemCertificates } from '#x509';
import { type GateWorkload, type RunningGate, startGate } from './index.ts';
import { verifyTxnContext } from './txn-context.ts';

const EDGE = 'spiffe://platform.example/edge';
export const ALICE = 'spiffe://bank-a/user/12345';
export const CAROL = 'spiffe://bank-a/user/67890';
export const ACCOUNTS = 'spiffe://bank-a/account-service';
export const LEDGER = 'spiffe://bank-b/ledger-service';
export const ROLES = [
  { spiffeId: ACCOUNTS, role: 'bank_a_accounts' },
  { spiffeId: 'spiffe://bank-a/user-service', role: 'bank_a_users' },
  { spiffeId: 'spiffe://bank-b/payment-service', role: 'bank_b_payments' },
  { spiffeId: LEDGER, role: 'bank_b_ledger' },
];

export class Authorities {
  readonly #known = new Map<string, Authority>();

  async of(name: string): Promise<Authority> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const journal = { load: async () => undefined, save: async () => {} };
    const authority = new Authority({
      trustDomain: parseTrustDomain(name),
      keyManager: new MemoryKeyManager(),
      journal,
      clock: systemClock,
      random: systemRandom,
      caTtlSeconds: 86_400,
    });
    await authority.ready();
    this.#known.set(name, authority);
    return authority;
  }

  bundles(names: readonly string[]): ReadonlyMap<string, ReturnType<typeof parseX509Bundle>> {
    return new Map(
      [...this.#known]
        .filter(([name]) => names.includes(name))
        .map(([name, authority]) => {
          const { x509Authorities } = authority.bundle();
          return [name, parseX509Bundle({ trustDomain: name, x509Authorities })];
        }),
    );
  }

  async svid(text: string, ttlSeconds = 3600): Promise<X509Svid> {
    const id = SpiffeId.parse(text);
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const publicKeySpki = publicKey.export({ type: 'spki', format: 'der' });
    const authority = await this.of(id.trustDomain);
    const { chain, notBefore, notAfter } = await authority.issueX509Svid({ id, publicKeySpki, ttlSeconds });
    return { id, chain, privateKey, notBefore, notAfter };
  }

  async close(): Promise<void> {
    for (const authority of this.#known.values()) await authority.close();
  }
}

export class FakeWorkload implements GateWorkload {
  readonly receipts: Receipt[] = [];
  readonly revocations: RevocationResource[] = [];
  readonly trusted = ['platform.example', 'bank-a', 'bank-b'];
  readonly #svid: X509Svid;
  readonly #authorities: Authorities;
  readonly #minters: Minters;
  readonly #listeners = new Set<() => void>();

  constructor(svid: X509Svid, authorities: Authorities, minters: Minters) {
    this.#svid = svid;
    this.#authorities = authorities;
    this.#minters = minters;
  }

  get id(): SpiffeId {
    return this.#svid.id;
  }

  svid(): X509Svid {
    return this.#svid;
  }

  verifyPeer(chain: readonly Uint8Array[]): ReturnType<GateWorkload['verifyPeer']> {
    const bundles = this.#authorities.bundles(this.trusted);
    const verified = verifyX509Svid({ chain, bundles, at: systemClock.now(), purpose: 'client' });
    if (this.isRevoked(verified.id.trustDomain, { workload: verified.id.toString(), since: 0 }))
      throw new Fault('PEER_REVOKED', 'revoked');
    return verified;
  }

  verifyTxnToken(token: string, audience: string): ReturnType<GateWorkload['verifyTxnToken']> {
    const minter = (_audience: string, kid: string): MinterResource | undefined => this.#minters.find(kid);
    const isRevoked: GateWorkload['isRevoked'] = (trustDomain, subject) => this.isRevoked(trustDomain, subject);
    return verifyTxnContext({ token, audience, clock: systemClock }, { minter, isRevoked });
  }

  isRevoked(_trustDomain: string, subject: RevocationSubject): boolean {
    return this.revocations.some(
      ({ kind, value, revokedAt }) => subject[kind] === value && (kind === 'workload' || subject.since <= revokedAt),
    );
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  report(receipt: Receipt): void {
    this.receipts.push(receipt);
  }
}

/** The edge's minters, one for each bank. */
export class Minters {
  readonly #keys = new Map<string, { readonly privateKey: KeyObject; readonly resource: MinterResource }>();

  constructor() {
    for (const trustDomain of ['bank-a', 'bank-b']) {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      const kid = `kid-${trustDomain}`;
      const publicJwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256' };
      const about = { kid, trustDomain, spiffeId: EDGE, issuer: EDGE, maxLifetimeSeconds: 900 };
      const notAfter = unixSeconds(systemClock) + 86_400;
      this.#keys.set(trustDomain, { privateKey, resource: { ...about, kinds: ['txn-token'], publicJwk, notAfter } });
    }
  }

  find(kid: string): MinterResource | undefined {
    return [...this.#keys.values()].find(({ resource }) => resource.kid === kid)?.resource;
  }

  async token(user: string, lifetimeSeconds = 60): Promise<{ readonly token: string; readonly txn: string }> {
    const aud = SpiffeId.parse(user).trustDomain;
    const key = this.#keys.get(aud);
    if (key === undefined) throw new Error('no minter');
    const txn = newTxn(systemRandom);
    const iat = unixSeconds(systemClock);
    const tctx = { tenant: aud, roles: [], sid: 's' };
    const claims = { iss: EDGE, iat, aud, exp: iat + lifetimeSeconds, txn, sub: user, scope: '', req_wl: EDGE, tctx };
    const { kid } = key.resource;
    return { txn, token: await mintToken({ kind: 'txn-token', claims, kid, key: key.privateKey }) };
  }
}

export interface Bank {
  readonly gate: RunningGate;
  readonly workload: FakeWorkload;
  readonly authorities: Authorities;
  readonly minters: Minters;
  readonly postgres: Awaited<ReturnType<typeof startPostgres>>;
  readonly dir: string;
  connect(spiffeId: string, options?: { readonly svid?: X509Svid; readonly database?: string }): Promise<pg.Client>;
  /** A second gate to the same database. */
  another(options: { readonly lifetimeSeconds?: number; readonly clock?: Clock }): Promise<RunningGate>;
  close(): Promise<void>;
}

export interface House {
  readonly authorities: Authorities;
  readonly minters: Minters;
  readonly workload: FakeWorkload;
}

/** Authorities of all three trust domains, the edge's minters, and a gate's agent. */
export async function openHouse(lifecycle: Lifecycle): Promise<House> {
  const authorities = lifecycle.own(new Authorities());
  const minters = new Minters();
  for (const name of ['platform.example', 'bank-a', 'bank-b']) await authorities.of(name);
  const workload = new FakeWorkload(await authorities.svid('spiffe://platform.example/gate'), authorities, minters);
  return { authorities, minters, workload };
}

export const SCHEMA = fileURLToPath(new URL('../../examples/bank/schema.sql', import.meta.url));

export async function openBank(): Promise<Bank> {
  const lifecycle = new Lifecycle();
  const dir = mkdtempSync(join(tmpdir(), 'hbgate-'));
  lifecycle.defer(() => rmSync(dir, { recursive: true, force: true }));
  const postgres = lifecycle.own(await startPostgres({ dir: join(dir, 'pg'), log: silentLog }));
  const { authorities, minters, workload } = await openHouse(lifecycle);
  const another: Bank['another'] = async ({ lifetimeSeconds = 900, clock = systemClock }) =>
    lifecycle.own(
      await startGate({
        listen: { host: '127.0.0.1', port: 0 },
        database: {
          socketDir: postgres.socketDir,
          port: postgres.port,
          user: postgres.superuser,
          passwordFile: postgres.passwordFile,
          name: 'bank',
          schema: SCHEMA,
        },
        document: { database: 'bank', credentialLifetimeSeconds: lifetimeSeconds, roles: ROLES },
        serverLog: postgres.logFile,
        workload,
        clock,
        random: systemRandom,
        log: silentLog,
      }),
    );
  const gate = await another({});
  return {
    gate,
    workload,
    authorities,
    minters,
    postgres,
    dir,
    another,
    connect: async (spiffeId, options = {}) => {
      const svid = options.svid ?? (await authorities.svid(spiffeId));
      return connectTo(gate.port, svid, options.database ?? 'bank');
    },
    close: () => lifecycle.close(),
  };
}

export async function connectTo(port: number, svid: X509Svid, database = 'bank'): Promise<pg.Client> {
  const ssl = {
    cert: pemCertificates([...svid.chain]),
    key: svid.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    rejectUnauthorized: false,
  };
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'ignored', database, ssl });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** What the server itself says, asked past the gate. */
export async function askServer({ postgres }: Bank, sql: string): Promise<unknown> {
  const { socketDir: host, port, superuser: user, passwordFile } = postgres;
  const client = new pg.Client({ host, port, user, password: readFileSync(passwordFile, 'utf8'), database: 'bank' });
  await client.connect();
  try {
    return Object.values((await client.query(sql)).rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

/** A transaction of a user, as the SDK makes it. */
export async function asUser<T>(
  bank: Pick<Bank, 'minters'>,
  client: pg.Client,
  user: string,
  use: (txn: string) => Promise<T>,
): Promise<T> {
  const { token, txn } = await bank.minters.token(user);
  await client.query('BEGIN');
  await client.query(`SET hauberk.txn_token = '${token}'`);
  const result = await use(txn);
  await client.query('COMMIT');
  return result;
}

export async function until<T>(find: () => T | undefined | false): Promise<T> {
  const end = performance.now() + 10_000;
  for (;;) {
    const found = find();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error('it did not come to hold');
    await new Promise((next) => setTimeout(next, 20));
  }
}
