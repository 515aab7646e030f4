import { isFault } from '#kernel';
import { parseTrustDomain, parseX509Bundle, SpiffeId } from '#spiffe';
import type { BundleResource } from '#wire';
import type { PeerVerification } from '../peer-verification.ts';
import type { State } from '../state.ts';

/** Whether the configuration names an id as an operator of a trust domain. */
export function isAdmin(state: State, trustDomain: string, id: string): boolean {
  return adminIds(state, trustDomain).includes(id);
}

/**
 * The operator of another trust domain that a caller is: named by the configuration, and proven by the bundle that this trust domain knows of
 * its own. Undefined for everybody else: nothing is open to other trust domains but what this list opens.
 */
export function findForeignAdmin(state: State, trustDomain: string, peer: PeerVerification): string | undefined {
  const foreign = adminIds(state, trustDomain).map((id) => SpiffeId.parse(id));
  const names = new Set(foreign.map((id) => id.trustDomain).filter((name) => name !== trustDomain));
  for (const name of names) {
    const bundle = state.registry.find<BundleResource>('Bundle', trustDomain, name);
    if (bundle === undefined) continue;
    const found = verifiedId(peer, bundle, state.options.clock.now());
    if (found !== undefined && foreign.some((id) => id.equals(found))) return `${found}`;
  }
  return undefined;
}

function adminIds(state: State, trustDomain: string): readonly string[] {
  return state.options.spire?.adminIds?.[trustDomain] ?? [];
}

function verifiedId(peer: PeerVerification, bundle: BundleResource, now: number): SpiffeId | undefined {
  try {
    return peer.by(new Map([[parseTrustDomain(bundle.trustDomain), parseX509Bundle(bundle)]]), now).id;
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}
