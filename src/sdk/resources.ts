import { Fault } from '#kernel';
import type {
  AuthorizationPolicyResource,
  BundleResource,
  CedarPolicyResource,
  EntryResource,
  FederationResource,
  MinterResource,
  ResourceKind,
  RevocationResource,
  ServiceResource,
  TrustDomainResource,
  WholeUpdate,
} from '#wire';

/** The body of each kind. */
export interface Bodies {
  readonly TrustDomain: TrustDomainResource;
  readonly Entry: EntryResource;
  readonly Bundle: BundleResource;
  readonly Federation: FederationResource;
  readonly Service: ServiceResource;
  readonly Minter: MinterResource;
  readonly AuthorizationPolicy: AuthorizationPolicyResource;
  readonly CedarPolicy: CedarPolicyResource;
  readonly Revocation: RevocationResource;
}

interface Known {
  readonly json: string;
  readonly body: unknown;
}

type Kinds = Map<string, Map<string, Known>>;

/** Resources of each trust domain as the agent last sent them. A body is parsed once, when it comes. */
export class Resources {
  readonly #domains = new Map<string, Kinds>();

  /** Takes an update whole, or not at all when any of it is malformed; hands back the kinds of which something is other than before. */
  apply({ trustDomain, full, upserts, removals }: WholeUpdate): ReadonlySet<string> {
    const before: Kinds = this.#domains.get(trustDomain) ?? new Map();
    const after: Kinds = full ? new Map() : new Map([...before].map(([kind, known]) => [kind, new Map(known)]));
    for (const { kind, key, bodyJson } of upserts) {
      const same = before.get(kind)?.get(key);
      const known = same?.json === bodyJson ? same : { json: bodyJson, body: parse(bodyJson) };
      after.set(kind, (after.get(kind) ?? new Map()).set(key, known));
    }
    for (const { kind, key } of removals) after.get(kind)?.delete(key);
    this.#domains.set(trustDomain, after);
    const kinds = new Set([...before.keys(), ...after.keys()]);
    return new Set([...kinds].filter((kind) => !isSame(before.get(kind), after.get(kind))));
  }

  /** Whether anything of the trust domain has come. */
  has(trustDomain: string): boolean {
    return this.#domains.has(trustDomain);
  }

  get trustDomains(): Iterable<string> {
    return this.#domains.keys();
  }

  /** Sent by the agent over its own socket; whoever uses a body compares each field and parses each id that it relies on. */
  find<K extends ResourceKind>(kind: K, trustDomain: string, key: string): Bodies[K] | undefined {
    return this.#domains.get(trustDomain)?.get(kind)?.get(key)?.body as Bodies[K] | undefined;
  }

  list<K extends ResourceKind>(kind: K, trustDomain: string): readonly Bodies[K][] {
    const known = this.#domains.get(trustDomain)?.get(kind)?.values() ?? [];
    return [...known].map(({ body }) => body as Bodies[K]);
  }
}

function isSame(before: Map<string, Known> | undefined, after: Map<string, Known> | undefined): boolean {
  if ((before?.size ?? 0) !== (after?.size ?? 0)) return false;
  return [...(after ?? [])].every(([key, known]) => before?.get(key) === known);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new Fault('INTERNAL_ERROR', 'the agent sent a resource that is not JSON', { cause });
  }
}
