import type { CompiledPolicy } from './compile-policy.ts';
import type { Constraint } from './constraint.ts';
import { EntityMap } from './entity-map.ts';
import type { Scope } from './expression.ts';
import type { Entity } from './value.ts';

interface Bucket {
  readonly forbids: CompiledPolicy[];
  readonly permits: CompiledPolicy[];
}

/**
 * Policies by the most telling line of their scope, so that a request meets only those that can apply to it: native Cedar tries every one.
 * Each policy lies in one line's buckets only.
 */
export class PolicyIndex {
  readonly #principals = new EntityMap<Bucket>();
  readonly #resources = new EntityMap<Bucket>();
  readonly #actions = new EntityMap<Bucket>();
  readonly #principalTypes = new Map<string, Bucket>();
  readonly #resourceTypes = new Map<string, Bucket>();
  readonly #everywhere: Bucket = { forbids: [], permits: [] };

  constructor(policies: readonly CompiledPolicy[]) {
    for (const policy of policies)
      for (const bucket of this.#placesOf(policy))
        (policy.effect === 'permit' ? bucket.permits : bucket.forbids).push(policy);
  }

  /** Every policy that may apply. */
  candidates(scope: Scope): readonly Bucket[] {
    const found: Bucket[] = [this.#everywhere];
    collect(found, this.#principals, scope, scope.principal);
    collect(found, this.#resources, scope, scope.resource);
    collect(found, this.#actions, scope, scope.action);
    add(found, this.#principalTypes.get(scope.principal.type));
    add(found, this.#resourceTypes.get(scope.resource.type));
    return found;
  }

  #placesOf({ principal, action, resource }: CompiledPolicy): readonly Bucket[] {
    return (
      within(this.#principals, principal) ??
      within(this.#resources, resource) ??
      within(this.#actions, action) ??
      typed(this.#resourceTypes, resource) ??
      typed(this.#principalTypes, principal) ?? [this.#everywhere]
    );
  }
}

/** One bucket for each entity that is named, once. */
function within(buckets: EntityMap<Bucket>, constraint: Constraint): readonly Bucket[] | undefined {
  return constraint.within && [...new Set(constraint.within.map((entity) => bucketOf(buckets, entity)))];
}

function typed(buckets: Map<string, Bucket>, { type }: Constraint): readonly Bucket[] | undefined {
  return type === undefined ? undefined : [bucketOf(buckets, type)];
}

interface BucketMap<K> {
  get(key: K): Bucket | undefined;
  set(key: K, bucket: Bucket): unknown;
}

function bucketOf<K>(buckets: BucketMap<K>, key: K): Bucket {
  const bucket = buckets.get(key) ?? { forbids: [], permits: [] };
  buckets.set(key, bucket);
  return bucket;
}

function collect(found: Bucket[], buckets: EntityMap<Bucket>, { entities }: Scope, entity: Entity): void {
  if (buckets.size === 0) return;
  if (!entities.nested) add(found, buckets.get(entity));
  else for (const one of entities.lineOf(entity)) add(found, buckets.get(one));
}

function add(found: Bucket[], bucket: Bucket | undefined): void {
  if (bucket !== undefined) found.push(bucket);
}
