import { Fault } from '#kernel';
import type { SpiffeId } from '#spiffe';
import type { FederationResource } from '#wire';

/**
 * What a relationship lets the other trust domain's workloads do, beside what policies say: an absent list allows all, an empty one nothing.
 * Without a relationship by document, trust domains of one server, policies decide alone.
 */
export class FederationAllowances {
  readonly #relations: readonly FederationResource[];

  /** `relations` of the trust domains that this workload has identities in. */
  constructor(relations: readonly FederationResource[]) {
    this.#relations = relations;
  }

  /** Throws `FEDERATION_NOT_ALLOWED`. */
  assertPeer(id: SpiffeId): void {
    this.#assert(id.trustDomain, ({ ids }) => ids === undefined || ids.some((one) => covers(one, id.toString())));
  }

  /** Throws `FEDERATION_NOT_ALLOWED`. */
  assertTenant(peer: SpiffeId, tenant: string): void {
    this.#assert(peer.trustDomain, ({ tenants }) => tenants === undefined || tenants.includes(tenant));
  }

  /** Throws `FEDERATION_NOT_ALLOWED`. */
  assertAction(peer: SpiffeId, action: string): void {
    this.#assert(peer.trustDomain, ({ actions }) => actions === undefined || actions.includes(action));
  }

  #assert(trustDomain: string, allows: (allow: NonNullable<FederationResource['allow']>) => boolean): void {
    const relations = this.#relations.filter((relation) => relation.trustDomain === trustDomain);
    if (relations.every(({ allow }) => allow === undefined || allows(allow))) return;
    throw new Fault('FEDERATION_NOT_ALLOWED', 'the relationship with the trust domain of the peer does not allow this');
  }
}

/** An id, or all below a path: `spiffe://td/path/*`. */
function covers(pattern: string, id: string): boolean {
  return pattern.endsWith('/*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
}
