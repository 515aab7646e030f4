import { bindService, type PeerCredentials, QUESTION, type ServiceBinding } from '#rpc';
import { SpiffeId } from '#spiffe';
import type { BundleResource, CallContext, Handlers } from '#wire';
import {
  DelegatedIdentityDefinition,
  type SubscribeToX509SVIDsResponse,
} from '#wire/gen/spire/api/agent/delegatedidentity';
import { x509Authorities } from '../bundles.ts';
import { assertDelegate, lookAt } from '../delegates.ts';
import { type Entitlement, firstExpiry } from '../entitlement.ts';
import { issuedForAll } from '../issued-for-all.ts';
import type { AgentNode } from '../node.ts';
import { jwtBundleOf, tokenJwks } from '../token-bundles.ts';
import { type X509Identity, x509Identities } from '../x509-identities.ts';
import { parseAudiences } from './audiences.ts';
import { uniqueHints } from './hints.ts';
import { followed, type State } from './stated.ts';

type Context = CallContext<PeerCredentials>;

/** `spire.api.agent.delegatedidentity.v1.DelegatedIdentity` on the admin socket. Every message is the whole state. */
export function delegatedIdentity(
  node: AgentNode,
  authorizedDelegates: readonly string[],
): ServiceBinding<PeerCredentials> {
  const { clock, memberships } = node.options;
  const authorized = new Set(authorizedDelegates);
  const admit = ({ caller }: Context): Promise<void> => assertDelegate(node, caller, authorized);

  async function* delegated<T>(context: Context, open: () => () => Promise<State<T>>): AsyncGenerator<T> {
    await admit(context);
    const look = open();
    yield* followed(node, context.signal, async () => {
      await admit(context);
      return look();
    });
  }

  const methods: Handlers<typeof DelegatedIdentityDefinition, PeerCredentials> = {
    subscribeToX509SVIDs: (request, context) =>
      delegated(context, () => {
        const look = lookAt(node, request);
        const given = (identities: readonly X509Identity[]): void =>
          node.handouts.note(context.caller, 'x509-svid:delegate', identities);
        return async () => svidsOf(await look(), clock.now(), given);
      }),
    subscribeToX509Bundles: (_request, context) =>
      delegated(context, () => async () => {
        const bundles = everyBundle(memberships);
        const caCertificates = Object.fromEntries(
          [...bundles].map(([name, bundle]) => [`spiffe://${name}`, Buffer.concat(x509Authorities(bundle))]),
        );
        const fingerprint = JSON.stringify([...bundles].map(([name, bundle]) => [name, bundle.x509Authorities]));
        return { message: { caCertificates }, fingerprint };
      }),
    fetchJWTSVIDs: async ({ audience, ...subject }, context) => {
      await admit(context);
      const audiences = parseAudiences(audience);
      const entitled = await lookAt(node, subject)();
      if (entitled.length === 0) return { svids: [] };
      const { identities } = await issuedForAll(entitled, clock.now(), ({ membership, entry }) =>
        membership.jwtSvid(entry, audiences),
      );
      node.handouts.note(context.caller, 'jwt-svid:delegate', identities);
      const hintOf = uniqueHints();
      return {
        svids: identities.map(({ entry, token, issuedAt, notAfter }) => ({
          token,
          id: idOf(entry.spiffeId),
          issuedAt: BigInt(issuedAt),
          expiresAt: BigInt(Math.floor(notAfter / 1000)),
          hint: hintOf(entry.hint),
        })),
      };
    },
    subscribeToJWTBundles: (_request, context) =>
      delegated(context, () => async () => {
        const jwks = tokenJwks(everyBundle(memberships), jwtBundleOf);
        const bundles = Object.fromEntries(Object.entries(jwks).map(([id, json]) => [id, Buffer.from(json)]));
        return { message: { bundles }, fingerprint: JSON.stringify(jwks) };
      }),
  };
  return bindService(DelegatedIdentityDefinition, methods, undefined, { limits: QUESTION });
}

/** A workload that may have nothing (yet) is answered with nothing, not with a refusal: the delegate goes on listening. */
async function svidsOf(
  entitled: readonly Entitlement[],
  now: number,
  given: (identities: readonly X509Identity[]) => void,
): Promise<State<SubscribeToX509SVIDsResponse>> {
  if (entitled.length === 0) return { message: { x509Svids: [], federatesWith: [] }, fingerprint: '' };
  const { identities, renewAt } = await x509Identities(entitled, now);
  given(identities);
  const hintOf = uniqueHints();
  const x509Svids = identities.map((one) => encode(one, hintOf(one.entry.hint)));
  const names = new Set(entitled.flatMap(({ entry }) => entry.federatesWith ?? []));
  const federatesWith = [...names].map((name) => `spiffe://${name}`);
  const fingerprint = JSON.stringify([
    identities.map(({ chainDer, entry }) => [chainDer.toString('base64'), entry.hint]),
    federatesWith,
  ]);
  return {
    message: { x509Svids, federatesWith },
    fingerprint,
    due: Math.min(renewAt, firstExpiry(entitled)),
    holds: identities,
  };
}

function encode({ svid, keyDer, entry }: X509Identity, hint: string) {
  return {
    x509Svid: {
      certChain: svid.chain.map((der) => Buffer.from(der)),
      id: idOf(entry.spiffeId),
      expiresAt: BigInt(Math.floor(svid.notAfter / 1000)),
      hint,
    },
    x509SvidKey: keyDer,
  };
}

function idOf(text: string): { trustDomain: string; path: string } {
  const { trustDomain, path } = SpiffeId.parse(text);
  return { trustDomain, path };
}

/** Every bundle that this agent was sent, each trust domain's own word before that of another. */
function everyBundle(memberships: AgentNode['options']['memberships']): ReadonlyMap<string, BundleResource> {
  const federated = memberships.flatMap(({ resources }) => resources.bundles());
  const own = memberships.map((membership) => [membership.name, membership.ownBundle()] as const);
  return new Map([...federated.map((bundle) => [bundle.trustDomain, bundle] as const), ...own]);
}
