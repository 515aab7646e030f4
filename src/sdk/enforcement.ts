import { isFault } from '#kernel';
import { type CedarEngine, compileCedar, compileReach, type Reach } from '#policy';
import type {
  AuthorizationPolicyResource,
  CedarPolicyResource,
  MinterResource,
  ResourceKind,
  RevocationResource,
  ServiceResource,
} from '#wire';
import type { ResourceUpdate } from '#wire/gen/hauberk_workload';

/** What this workload enforces, as the agent last sent it: policies, services, minters, by trust domain. */
export class Enforcement {
  readonly #resources = new Map<string, Map<string, { readonly kind: string; readonly json: string }>>();
  readonly #reach = new Map<string, Reach>();
  readonly #cedar = new Map<string, CedarEngine | undefined>();

  apply(update: ResourceUpdate): void {
    const known = update.full
      ? new Map<string, { kind: string; json: string }>()
      : new Map(this.#resources.get(update.trustDomain));
    for (const { kind, key, bodyJson } of update.upserts) known.set(`${kind}\n${key}`, { kind, json: bodyJson });
    for (const { kind, key } of update.removals) known.delete(`${kind}\n${key}`);
    this.#resources.set(update.trustDomain, known);
    this.#reach.set(
      update.trustDomain,
      compileReach(this.list<AuthorizationPolicyResource>('AuthorizationPolicy', update.trustDomain)),
    );
    this.#cedar.set(update.trustDomain, compile(this.list<CedarPolicyResource>('CedarPolicy', update.trustDomain)));
  }

  /** Undefined when nothing has come or it cannot be evaluated whole: then the answer is no. */
  cedar(trustDomain: string): CedarEngine | undefined {
    return this.#cedar.get(trustDomain);
  }

  /** Whether a token that was minted at `issuedAt` (Unix seconds) for any of these was revoked since. */
  isRevoked(trustDomain: string, about: Readonly<Record<string, string | undefined>>, issuedAt: number): boolean {
    return this.list<RevocationResource>('Revocation', trustDomain).some(
      (one) => about[one.kind] === one.value && issuedAt <= one.revokedAt,
    );
  }

  /** Undefined before anything of the trust domain has come: then the answer is no. */
  reach(trustDomain: string): Reach | undefined {
    return this.#reach.get(trustDomain);
  }

  minter(trustDomain: string, kid: string): MinterResource | undefined {
    return this.list<MinterResource>('Minter', trustDomain).find((minter) => minter.kid === kid);
  }

  /** A service by `<name>` in a namespace or by `<name>.<namespace>`. */
  service(name: string, namespace: string): ServiceResource | undefined {
    const [wanted, inside = namespace] = name.split('.');
    return [...this.#resources.keys()]
      .flatMap((domain) => this.list<ServiceResource>('Service', domain))
      .find((one) => one.name === wanted && one.namespace === inside);
  }

  /** Sent by the agent over its own socket; ids are parsed where they are used. */
  list<T>(kind: ResourceKind, trustDomain: string): readonly T[] {
    return [...(this.#resources.get(trustDomain)?.values() ?? [])]
      .filter((one) => one.kind === kind)
      .map(({ json }) => JSON.parse(json) as T);
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
