import type { CompiledPolicy } from './compile-policy.ts';
import type { Constraint } from './constraint.ts';
import type { Scope } from './expression.ts';

interface Bucket {
  readonly forbids: CompiledPolicy[];
  readonly permits: CompiledPolicy[];
}

type Buckets = Map<string, Bucket>;

/**
 * Policies by the most telling line of their scope, so that a request meets only those that can apply to it: native Cedar tries every one.
 * Each policy lies in one line's buckets only.
 */
export class PolicyIndex {
  readonly #within = { principal: new Map(), resource: new Map(), action: new Map() } as const satisfies Record<
    string,
    Buckets
  >;
  readonly #types = { principal: new Map(), resource: new Map() } as const satisfies Record<string, Buckets>;
  readonly #everywhere: Bucket = { forbids: [], permits: [] };

  constructor(policies: readonly CompiledPolicy[]) {
    for (const policy of policies)
      for (const bucket of this.#placesOf(policy))
        (policy.effect === 'permit' ? bucket.permits : bucket.forbids).push(policy);
  }

  /** Every policy that may apply. */
  candidates(scope: Scope): readonly Bucket[] {
    const found: Bucket[] = [this.#everywhere];
    for (const variable of ['principal', 'resource', 'action'] as const) {
      const buckets: Buckets = this.#within[variable];
      if (buckets.size === 0) continue;
      for (const key of scope.entities.keysOf(scope[variable])) add(found, buckets.get(key));
    }
    add(found, this.#types.principal.get(scope.principal.type));
    add(found, this.#types.resource.get(scope.resource.type));
    return found;
  }

  #placesOf({ principal, action, resource }: CompiledPolicy): readonly Bucket[] {
    const within = (buckets: Buckets, { within: keys }: Constraint): readonly Bucket[] | undefined =>
      keys && [...new Set(keys)].map((key) => bucketOf(buckets, key));
    const typed = (buckets: Buckets, { type }: Constraint): readonly Bucket[] | undefined =>
      type === undefined ? undefined : [bucketOf(buckets, type)];
    return (
      within(this.#within.principal, principal) ??
      within(this.#within.resource, resource) ??
      within(this.#within.action, action) ??
      typed(this.#types.resource, resource) ??
      typed(this.#types.principal, principal) ?? [this.#everywhere]
    );
  }
}

function bucketOf(buckets: Buckets, key: string): Bucket {
  const bucket = buckets.get(key) ?? { forbids: [], permits: [] };
  buckets.set(key, bucket);
  return bucket;
}

function add(found: Bucket[], bucket: Bucket | undefined): void {
  if (bucket !== undefined) found.push(bucket);
}
