import { Fault, isFault } from '#kernel';
import { type CedarEngine, compileCedar, compileReach, type Reach } from '#policy';
import type { SpiffeId } from '#spiffe';
import {
  type CedarPolicyResource,
  type MinterResource,
  REVOCATION_KINDS,
  type RevocationKind,
  revocationKey,
  type ServiceResource,
  type WholeUpdate,
} from '#wire';
import { FederationAllowances } from './federation-allowance.ts';
import { Resources } from './resources.ts';

/** Whom or what a revocation can be about. */
export type RevocationSubject = Readonly<Partial<Record<RevocationKind, string | undefined>>> & {
  /** Unix seconds: when the token was minted or the session began. A revocation of that second or later stands. */
  readonly since: number;
};

/** What this workload enforces, as the agent last sent it: policies, services, minters, revocations, by trust domain. */
export class Enforcement {
  readonly #resources = new Resources();
  readonly #reach = new Map<string, Reach>();
  readonly #cedar = new Map<string, CedarEngine | undefined>();
  readonly #listeners = new Set<() => void>();
  #allowances = new FederationAllowances([]);

  /** Policies are compiled when they change, not when they are asked. Throws when the update cannot be read: then nothing of it counts. */
  apply(update: WholeUpdate): void {
    const { trustDomain } = update;
    const isFirst = !this.#resources.has(trustDomain);
    const changed = this.#resources.apply(update);
    if (isFirst || changed.has('AuthorizationPolicy'))
      this.#reach.set(trustDomain, compileReach(this.#resources.list('AuthorizationPolicy', trustDomain)));
    if (isFirst || changed.has('CedarPolicy'))
      this.#cedar.set(trustDomain, compile(this.#resources.list('CedarPolicy', trustDomain)));
    if (isFirst || changed.has('Federation')) {
      const relations = [...this.#resources.trustDomains].flatMap((name) => this.#resources.list('Federation', name));
      this.#allowances = new FederationAllowances(relations);
    }
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls back after each update. Hands back what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Undefined when nothing has come or it cannot be evaluated whole: then the answer is no. */
  cedar(trustDomain: string): CedarEngine | undefined {
    return this.#cedar.get(trustDomain);
  }

  /** Undefined before anything of the trust domain has come: then the answer is no. */
  reach(trustDomain: string): Reach | undefined {
    return this.#reach.get(trustDomain);
  }

  /** The minter that a trust domain itself registered under a key id, unless it has been revoked. */
  minter(trustDomain: string, kid: string): MinterResource | undefined {
    const minter = this.#resources.find('Minter', trustDomain, kid);
    return minter === undefined || this.isRevoked(trustDomain, { minter: kid, since: 0 }) ? undefined : minter;
  }

  /** Whether any of these was revoked by the trust domain since then. A workload's identity is renewed all the time, so its revocation stands for good. */
  isRevoked(trustDomain: string, subject: RevocationSubject): boolean {
    return REVOCATION_KINDS.some((kind) => {
      const value = subject[kind];
      const found =
        value === undefined
          ? undefined
          : this.#resources.find('Revocation', trustDomain, revocationKey({ kind, value }));
      return found !== undefined && (kind === 'workload' || subject.since <= found.revokedAt);
    });
  }

  /** What relationships of this workload's trust domains let others do. */
  get allowances(): FederationAllowances {
    return this.#allowances;
  }

  /** Throws `PEER_REVOKED`, `FEDERATION_NOT_ALLOWED`. */
  assertPeer(id: SpiffeId): void {
    this.#allowances.assertPeer(id);
    if (this.isRevoked(id.trustDomain, { workload: id.toString(), since: 0 }))
      throw new Fault('PEER_REVOKED', 'the workload at the other end has been revoked');
  }

  /** A service by `<name>` in a namespace or by `<name>.<namespace>`. */
  service(name: string, namespace: string): ServiceResource | undefined {
    const [wanted, inside = namespace, ...more] = name.split('.');
    if (more.length > 0) return undefined;
    for (const trustDomain of this.#resources.trustDomains) {
      const found = this.#resources.find('Service', trustDomain, `${inside}/${wanted}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function compile(policies: readonly CedarPolicyResource[]): CedarEngine | undefined {
  try {
    return compileCedar(policies);
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}
