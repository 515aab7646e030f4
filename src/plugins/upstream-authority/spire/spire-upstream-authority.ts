import { createPrivateKey } from 'node:crypto';
import type { AppendedAuthority, UpstreamAnswer, UpstreamAuthority, UpstreamBundle, UpstreamRequest } from '#authority';
import { type Clock, Fault, faultCode } from '#kernel';
import { createClient, dialTls } from '#rpc';
import { SpiffeId, type TrustDomain, verifyX509Svid, type X509BundleSet, x509Bundle } from '#spiffe';
import { type Client, dialUnix, type ServiceDefinition } from '#wire';
import { BundleDefinition } from '#wire/gen/spire/api/server/bundle';
import { SVIDDefinition } from '#wire/gen/spire/api/server/svid';
import type { JWTKey } from '#wire/gen/spire/api/types';
import { SpiffeWorkloadAPIDefinition, type X509SVIDResponse } from '#wire/gen/workloadapi';
import { pemCertificates, splitCertificates } from '#x509';

export interface SpireUpstreamOptions {
  readonly trustDomain: TrustDomain;
  /** SPIRE's API of the server above, SPIRE's own or Hauberk's. */
  readonly server: { readonly host: string; readonly port: number };
  /** Workload API of the agent that gives this server its downstream identity. */
  readonly workloadSocket: string;
  readonly clock: Clock;
}

const DEADLINE_MILLIS = 10_000;

/**
 * A SPIRE or Hauberk server above, which gives an intermediate of the same trust domain to the holder of a `downstream` entry. This server asks
 * as a workload of the agent beside it.
 */
export class SpireUpstreamAuthority implements UpstreamAuthority {
  readonly #options: SpireUpstreamOptions;

  constructor(options: SpireUpstreamOptions) {
    this.#options = options;
  }

  sign({ csr, ttlSeconds }: UpstreamRequest, signal?: AbortSignal): Promise<UpstreamAnswer> {
    return this.#ask(signal, async (connect, until) => {
      const request = { csr, preferredTtl: ttlSeconds };
      const { caCertChain, x509Authorities } = await connect(SVIDDefinition).newDownstreamX509CA(request, until);
      const roots = x509Authorities.map((der) => ({ certificate: Buffer.from(der), tainted: false }));
      return { chain: caCertChain.map((der) => Buffer.from(der)), roots };
    });
  }

  bundle(signal?: AbortSignal): Promise<UpstreamBundle> {
    return this.#ask(signal, async (connect, until) => {
      const bundle = await connect(BundleDefinition).getBundle({ outputMask: undefined }, until);
      return {
        roots: bundle.x509Authorities.map(({ asn1, tainted }) => ({ certificate: Buffer.from(asn1), tainted })),
        keys: [
          ...bundle.jwtAuthorities.map((key) => toAppended('jwt', key)),
          ...bundle.witAuthorities.map((key) => toAppended('wit', key)),
        ],
      };
    });
  }

  /** A server above that knows no such keys is left alone: its relying parties do not verify tokens of this one. */
  publish(keys: readonly AppendedAuthority[], signal?: AbortSignal): Promise<void> {
    return this.#ask(signal, async (connect, until) => {
      const client = connect(BundleDefinition);
      for (const key of keys) {
        try {
          if (key.kind === 'jwt') await client.publishJWTAuthority({ jwtAuthority: toMessage(key) }, until);
          else await client.publishWITAuthority({ witAuthority: toMessage(key) }, until);
        } catch (error) {
          if (faultCode(error) !== 'METHOD_UNIMPLEMENTED') throw error;
        }
      }
    });
  }

  /** One connection a question: they are rare, and each is made with the newest identity. */
  async #ask<T>(
    signal: AbortSignal | undefined,
    use: (connect: <D extends ServiceDefinition>(definition: D) => Client<D>, until: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = AbortSignal.timeout(DEADLINE_MILLIS);
    const until = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    const clients: { close(): Promise<void> }[] = [];
    try {
      const { identity, bundles } = await this.#identity(until);
      const { server, trustDomain } = this.#options;
      const verify = (chain: readonly Buffer[]): void => this.#assertServer(chain, bundles);
      const dial = () => dialTls({ ...server, servername: trustDomain, identity, verify });
      const connect = <D extends ServiceDefinition>(definition: D): Client<D> => {
        const client = createClient(definition, { dial });
        clients.push(client);
        return client;
      };
      return await use(connect, until);
    } catch (cause) {
      throw new Fault('UPSTREAM_AUTHORITY_UNAVAILABLE', 'the upstream server gave no answer that can be used', {
        cause,
      });
    } finally {
      for (const client of clients) await client.close();
    }
  }

  async #identity(until: AbortSignal) {
    const { workloadSocket, trustDomain } = this.#options;
    const dial = () => dialUnix(workloadSocket);
    const client = createClient(SpiffeWorkloadAPIDefinition, { dial, metadata: { 'workload.spiffe.io': 'true' } });
    try {
      const { svids } = await first(client.fetchX509SVID({}, until));
      const own = svids.find(({ spiffeId }) => SpiffeId.parse(spiffeId).trustDomain === trustDomain);
      if (own === undefined) throw new Fault('IDENTITY_NO_ENTRY', 'the agent gives no identity of this trust domain');
      const key = createPrivateKey({ key: Buffer.from(own.x509SvidKey), format: 'der', type: 'pkcs8' });
      const cert = pemCertificates(splitCertificates(own.x509Svid));
      const bundle = x509Bundle(trustDomain, splitCertificates(own.bundle));
      return {
        identity: { key: key.export({ type: 'pkcs8', format: 'pem' }), cert },
        bundles: new Map([[trustDomain, bundle]]),
      };
    } finally {
      await client.close();
    }
  }

  #assertServer(chain: readonly Buffer[], bundles: X509BundleSet): void {
    const { trustDomain, clock } = this.#options;
    const { id } = verifyX509Svid({ chain, bundles, at: clock.now(), purpose: 'server' });
    if (!id.equals(SpiffeId.of(trustDomain, '/spire/server')))
      throw new Fault('PEER_ID_UNEXPECTED', 'this is not the server of the trust domain');
  }
}

function toAppended(kind: 'jwt' | 'wit', { keyId, publicKey, expiresAt, tainted }: JWTKey): AppendedAuthority {
  const content = Buffer.from(publicKey).toString('base64');
  return { kind, id: keyId, content, tainted, ...(expiresAt > 0n ? { notAfter: Number(expiresAt) * 1000 } : {}) };
}

function toMessage({ id, content, notAfter = 0, tainted }: AppendedAuthority): JWTKey {
  const expiresAt = BigInt(Math.floor(notAfter / 1000));
  return { keyId: id, publicKey: Buffer.from(content, 'base64'), expiresAt, tainted };
}

async function first(stream: AsyncIterable<X509SVIDResponse>): Promise<X509SVIDResponse> {
  for await (const message of stream) return message;
  throw new Fault('IDENTITY_UNAVAILABLE', 'the agent ended the stream without an identity');
}
