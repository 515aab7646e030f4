import { Fault, type JsonObject, type JsonValue, LIMITS } from '#kernel';
import type { PeerCredentials } from '#rpc';
import { type JwtBundle, SpiffeId } from '#spiffe';
import { type Handlers, shared } from '#wire';
import type { JWTSVIDResponse, SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import { allBundles } from '../bundles.ts';
import type { Entitlement } from '../entitlement.ts';
import { type Given, issuedForAll } from '../issued-for-all.ts';
import type { HeldJwtSvid } from '../jwt-svids.ts';
import type { AgentNode } from '../node.ts';
import { attempt, jwtBundleOf, tokenJwks } from '../token-bundles.ts';
import { TokenVerifier } from '../token-verifier.ts';
import { parseAudiences } from './audiences.ts';
import { uniqueHints } from './hints.ts';
import { SharedAnswers } from './shared-answers.ts';
import { stated } from './stated.ts';

type JwtMethods = Pick<
  Handlers<typeof SpiffeWorkloadAPIDefinition, PeerCredentials>,
  'fetchJWTSVID' | 'fetchJWTBundles' | 'validateJWTSVID'
>;

type JwtIdentities = readonly [Given<HeldJwtSvid>, ...Given<HeldJwtSvid>[]];

export interface JwtProfileOptions {
  /** Claims of other trust domains' tokens that are handed on, besides `sub`, `aud` and `exp`. */
  readonly allowedForeignJwtClaims: readonly string[];
}

/** Workload API §6: JWT-SVIDs, their bundles, and their validation. */
export function jwtProfile(node: AgentNode, { allowedForeignJwtClaims }: JwtProfileOptions): JwtMethods {
  const { clock } = node.options;
  const verifier = new TokenVerifier(clock);
  const foreignClaims = new Set(['sub', 'aud', 'exp', ...allowedForeignJwtClaims]);
  const answers = new SharedAnswers<JWTSVIDResponse>();
  return {
    fetchJWTSVID: async ({ audience, spiffeId }, { caller }) => {
      const audiences = parseAudiences(audience);
      const entitled = ofId(await node.entitled(caller), spiffeId);
      const { identities } = await issuedForAll(entitled, clock.now(), ({ membership, entry }) =>
        membership.jwtSvid(entry, audiences),
      );
      node.handouts.note(caller, 'jwt-svid:fetch', identities);
      return answers.of(partsOf(identities), () => shared(jwtSvidResponse(identities)));
    },
    fetchJWTBundles: (_request, context) =>
      stated(node, context, (entitled) => {
        const jwks = tokenJwks(allBundles(entitled), jwtBundleOf);
        const bundles = Object.fromEntries(Object.entries(jwks).map(([id, json]) => [id, Buffer.from(json)]));
        return { message: { bundles }, fingerprint: JSON.stringify(jwks) };
      }),
    validateJWTSVID: async ({ audience, svid }, { caller }) => {
      const [wanted = ''] = parseAudiences([audience]);
      if (svid === '') throw new Fault('ARGUMENT_INVALID', 'svid must be specified');
      if (svid.length > LIMITS.tokenBytes.value) throw new Fault('ARGUMENT_INVALID', 'the token is too large');
      const entitled = await node.entitled(caller);
      const bundles = jwtBundles(entitled);
      const { id, claims, audience: meant } = verifier.verify(svid, wanted, bundles);
      const own = entitled.some(({ membership }) => membership.name === id.trustDomain);
      return { spiffeId: `${id}`, claims: { ...(own ? claims : only(claims, foreignClaims)), aud: [...meant] } };
    },
  };
}

/** All that an answer is made of: each token, which is of its audiences too, and its entry. */
function partsOf([first, ...others]: JwtIdentities): readonly [object, ...object[]] {
  return [first.issued, first.entry, ...others.flatMap(({ issued, entry }) => [issued, entry])];
}

function jwtSvidResponse(identities: JwtIdentities): JWTSVIDResponse {
  const hintOf = uniqueHints();
  return {
    svids: identities.map(({ entry, token }) => ({
      spiffeId: entry.spiffeId,
      svid: token,
      hint: hintOf(entry.hint),
    })),
  };
}

/** The caller's identities, or those of the id that it asked for. Throws `ARGUMENT_INVALID`, `IDENTITY_NO_ENTRY`. */
export function ofId(entitled: readonly Entitlement[], spiffeId: string): readonly Entitlement[] {
  if (spiffeId === '') return entitled;
  const id = attempt(() => SpiffeId.parse(spiffeId));
  if (id === undefined) throw new Fault('ARGUMENT_INVALID', 'not a SPIFFE ID');
  const asked = entitled.filter(({ entry }) => entry.spiffeId === `${id}`);
  if (asked.length === 0)
    throw new Fault('IDENTITY_NO_ENTRY', 'no identity issued: this process has not the identity that it asks for');
  return asked;
}

function jwtBundles(entitled: readonly Entitlement[]): ReadonlyMap<string, JwtBundle> {
  const bundles = new Map<string, JwtBundle>();
  for (const [name, bundle] of allBundles(entitled)) {
    const parsed = attempt(() => jwtBundleOf(bundle));
    if (parsed !== undefined) bundles.set(name, parsed);
  }
  return bundles;
}

function only(claims: JsonObject, names: ReadonlySet<string>): Record<string, JsonValue> {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => names.has(name)));
}
