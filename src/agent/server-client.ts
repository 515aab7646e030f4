import { type Clock, Fault } from '#kernel';
import { createClient, dialTls } from '#rpc';
import { parseX509Bundle, verifyX509Svid } from '#spiffe';
import type { BundleResource, Client } from '#wire';
import { AgentSyncDefinition } from '#wire/gen/hauberk_sync';
import { pemCertificates } from '#x509';
import type { AgentIdentity } from './agent-identity.ts';

export type ServerClient = Client<typeof AgentSyncDefinition>;

export interface ServerAddress {
  readonly trustDomain: string;
  readonly server: { readonly host: string; readonly port: number };
  /** The bundle of the trust domain at the time of asking. */
  readonly bundle: () => BundleResource;
  readonly clock: Clock;
}

/** A client of the server of a trust domain and of no other; before the agent has attested it has no identity to show. */
export function dialServer(address: ServerAddress, identity: AgentIdentity | undefined): ServerClient {
  const own =
    identity === undefined
      ? {}
      : {
          identity: {
            key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
            cert: pemCertificates(identity.chain),
          },
        };
  const verify = (chain: readonly Buffer[]): void => assertServer(chain, address);
  return createClient(AgentSyncDefinition, {
    dial: () => dialTls({ ...address.server, servername: address.trustDomain, ...own, verify }),
  });
}

function assertServer(chain: readonly Buffer[], { trustDomain, bundle, clock }: ServerAddress): void {
  const bundles = new Map([[trustDomain, parseX509Bundle(bundle())]]);
  const { id } = verifyX509Svid({ chain, bundles, at: clock.now(), purpose: 'server' });
  if (`${id}` !== `spiffe://${trustDomain}/spire/server`)
    throw new Fault('PEER_ID_UNEXPECTED', 'this is not the server of the trust domain');
}
