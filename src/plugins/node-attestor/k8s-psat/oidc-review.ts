import { refused } from '#attestation';
import { parseCompactJws, readPublicJwk, type VerifyingKey, verifySignature } from '#jws';
import { type Clock, isJsonObject, type JsonObject, type JsonValue, unixSeconds } from '#kernel';
import type { ReviewedPod, ReviewToken } from './reviewed-pod.ts';

export interface OidcKeysOptions {
  /** `iss` of the cluster's tokens. */
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** The cluster's JWKS, as an operator copied it: nothing is fetched. */
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  readonly clock: Clock;
}

/**
 * Reviews tokens by the keys of the cluster's OpenID Connect issuer, without asking its API server; a pod that was deleted is not noticed
 * before its token expires.
 */
export function oidcReview(options: OidcKeysOptions): ReviewToken {
  const keys = new Map(options.jwks.keys.map((jwk) => [jwk.kid, readPublicJwk(jwk)]));
  return async (token) => {
    const claims = verify(token, keys);
    assertClaims(claims, options);
    return podOf(claims);
  };
}

function verify(token: string, keys: ReadonlyMap<unknown, VerifyingKey>): JsonObject {
  try {
    const jws = parseCompactJws(token);
    const key = typeof jws.header.kid === 'string' ? keys.get(jws.header.kid) : undefined;
    if (key === undefined) throw refused('its token is signed by an unknown key');
    verifySignature(jws, key);
    return jws.payload;
  } catch (cause) {
    throw refused('its token does not verify', cause);
  }
}

function assertClaims(claims: JsonObject, { issuer, audiences, clock }: OidcKeysOptions): void {
  const { iss, aud, exp, nbf } = claims;
  const now = unixSeconds(clock);
  if (iss !== issuer) throw refused('its token is of another issuer');
  const named = Array.isArray(aud) ? aud : [aud];
  if (!named.some((one) => typeof one === 'string' && audiences.includes(one)))
    throw refused('its token is not meant for this server');
  if (typeof exp !== 'number' || exp <= now) throw refused('its token has expired');
  if (nbf !== undefined && (typeof nbf !== 'number' || nbf > now)) throw refused('its token is not valid yet');
}

function podOf(claims: JsonObject): ReviewedPod {
  const kubernetes = objectOf(claims['kubernetes.io']);
  const [pod, account] = [objectOf(kubernetes.pod), objectOf(kubernetes.serviceaccount)];
  const node = kubernetes.node === undefined ? undefined : objectOf(kubernetes.node);
  return {
    namespace: textOf(kubernetes.namespace),
    serviceAccount: textOf(account.name),
    podName: textOf(pod.name),
    podUid: textOf(pod.uid),
    ...(node === undefined ? {} : { nodeName: textOf(node.name), nodeUid: textOf(node.uid) }),
  };
}

function objectOf(value: JsonValue | undefined): JsonObject {
  if (!isJsonObject(value)) throw refused('its token is not bound to a pod');
  return value;
}

function textOf(value: JsonValue | undefined): string {
  if (typeof value !== 'string' || value === '') throw refused('its token is not bound to a pod');
  return value;
}
