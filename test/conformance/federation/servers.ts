import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lifecycle, silentLog, systemClock, systemRandom } from '#kernel';
import { createClient } from '#rpc';
import { startServer } from '#server';
import { AdminDefinition } from '#wire/gen/hauberk_admin';
import { AuthoritiesDefinition } from '#wire/gen/hauberk_authorities';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { TrustDomainDefinition } from '#wire/gen/spire/api/server/trustdomain';
import { pemCertificates } from '#x509';
import { type Forged, forge } from '../../forge/certificate.ts';

const DAY = 86_400_000;
const times = { notBefore: Date.now() - DAY, notAfter: Date.now() + DAY };

/** An authority of the web, in place of the system's roots, and what it issues. */
export const webRoot = forge({ ca: true, ...times });
export const webCertificate = (dnsName: string, issuer: Forged = webRoot): Forged =>
  forge({ dnsNames: [dnsName], ...times }, issuer);
export const strangeRoot = forge({ ca: true, ...times });

export type Server = Awaited<ReturnType<typeof open>>;

async function open(life: Lifecycle, directory: string, name: string, spec: object) {
  const server = life.own(
    await startServer({
      dataDir: join(directory, name),
      adminSocket: join(directory, `${name}.sock`),
      sync: { host: '127.0.0.1', port: 0 },
      webRoots: write(directory, 'roots.pem', pemCertificates([webRoot.der])),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    }),
  );
  const admin = life.own(createClient(AdminDefinition, { socketPath: server.adminSocket }));
  const apply = async (kind: string, metadata: object, content: object): Promise<readonly unknown[]> => {
    const document = { apiVersion: 'hauberk.dev/v1', kind, metadata, spec: content };
    return (await admin.apply({ documentsJson: [JSON.stringify(document)], dryRun: false })).problems;
  };
  assert.deepEqual(await apply('TrustDomain', { name }, spec), []);
  const socketPath = server.spire(name)?.socket ?? '';
  const authorities = life.own(createClient(AuthoritiesDefinition, { socketPath: server.adminSocket }));
  const bundles = life.own(createClient(BundleDefinition, { socketPath }));
  const { host = '', port = 0 } = server.endpoint(name, 'bundleEndpoint') ?? {};
  return {
    apply,
    url: `https://${host}:${port}/`,
    bundles,
    relations: life.own(createClient(TrustDomainDefinition, { socketPath })),
    /** A new X.509 authority is published, then used, and the one before it revoked. */
    rotate: async (published = async () => {}): Promise<void> => {
      const { authorities: all } = await authorities.show({ trustDomain: name });
      const before = all.find(({ kind, state }) => kind === 'x509' && state === 'active')?.id ?? '';
      const { authority: next } = await authorities.prepare({ trustDomain: name, kind: 'x509' });
      await published();
      const change = { trustDomain: name, kind: 'x509' };
      await authorities.activate({ ...change, authorityId: next?.id ?? '' });
      await authorities.taint({ ...change, authorityId: before });
      await authorities.revoke({ ...change, authorityId: before });
    },
  };
}

export interface Federation {
  /** Publishes its bundle. */
  readonly publisher: Server;
  /** Follows the publisher. */
  readonly follower: Server;
  readonly life: Lifecycle;
}

/** Two servers: `bank-a` publishes, with a certificate of the web's where that is asked for, `bank-b` follows. */
export async function withFederation(
  profile: 'https_web' | 'https_spiffe',
  run: (federation: Federation) => Promise<void>,
): Promise<void> {
  const life = new Lifecycle();
  const directory = mkdtempSync(join(tmpdir(), 'federation-'));
  life.defer(() => rmSync(directory, { recursive: true }));
  try {
    const publisher = await open(life, directory, 'bank-a', {
      bundleEndpoint: { port: 0, profile: profile === 'https_web' ? webProfile(directory) : { type: profile } },
    });
    await run({ publisher, follower: await open(life, directory, 'bank-b', {}), life });
  } finally {
    await life.close();
  }
}

function webProfile(directory: string): object {
  const certificate = webCertificate('localhost');
  return {
    type: 'https_web',
    certificateFile: write(directory, 'cert.pem', pemCertificates([certificate.der])),
    keyFile: write(directory, 'key.pem', String(certificate.key.export({ type: 'pkcs8', format: 'pem' }))),
  };
}

function write(directory: string, name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

/** What the follower's document of the relationship says; returns its problems. */
export const federate = (follower: Server, url: string, profile: object): Promise<readonly unknown[]> =>
  follower.apply(
    'Federation',
    { name: 'bank-a', trustDomain: 'bank-b' },
    { bundleEndpointUrl: url, bundleEndpointProfile: profile },
  );

/** Gives the follower the publisher's bundle by hand, as SPIRE's operators do. */
export async function bootstrap({ publisher, follower }: Federation): Promise<void> {
  const bundle = await publisher.bundles.getBundle({ outputMask: undefined });
  await follower.bundles.batchSetFederatedBundle({ bundle: [bundle], outputMask: undefined });
}

export const refresh = (follower: Server): Promise<unknown> =>
  follower.relations.refreshBundle({ trustDomain: 'bank-a' });
export const known = async (follower: Server) =>
  (await follower.bundles.getFederatedBundle({ trustDomain: 'bank-a', outputMask: undefined })).x509Authorities;
export const published = async (publisher: Server) =>
  (await publisher.bundles.getBundle({ outputMask: undefined })).x509Authorities;

/** An endpoint that is not ours. Returns its URL. */
export async function strangeEndpoint(
  life: Lifecycle,
  certificate: Forged,
  answer: (response: ServerResponse) => void,
): Promise<string> {
  const key = String(certificate.key.export({ type: 'pkcs8', format: 'pem' }));
  const server = createServer({ key, cert: pemCertificates([certificate.der]) }, (_, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  life.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const address: AddressInfo | string | null = server.address();
  return `https://localhost:${typeof address === 'object' ? address?.port : 0}/bundle`;
}

export interface Got {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Asks as anybody may, with no certificate. */
export function get(url: string, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, rejectUnauthorized: false, agent: false }, async (response) => {
      let body = '';
      for await (const chunk of response) body += String(chunk);
      resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body });
    });
    asked.once('error', reject);
    asked.end();
  });
}
