import type { ReachRequest } from './decision.ts';

/** Which workloads a policy selects: those of its namespace that have all its labels. */
export interface Selection {
  readonly namespace: string;
  readonly labels: readonly (readonly [string, unknown])[];
}

interface Namespace<T> {
  readonly everyone: T[];
  /** By the first label of the policy. */
  readonly labelled: Map<string, Map<unknown, T[]>>;
}

/** Policies by namespace and first label: a decision meets the policies of its workload only, however many there are. */
export class SelectionIndex<T extends Selection> {
  readonly #namespaces = new Map<string, Namespace<T>>();

  readonly #root: string;

  /** Policies of the namespace `root` select in every namespace. */
  constructor(policies: readonly T[], root: string) {
    this.#root = root;
    for (const policy of policies) {
      const namespace = valueAt(this.#namespaces, policy.namespace, () => ({ everyone: [], labelled: new Map() }));
      const [first] = policy.labels;
      if (first === undefined) namespace.everyone.push(policy);
      else
        valueAt(
          valueAt(namespace.labelled, first[0], () => new Map<unknown, T[]>()),
          first[1],
          () => [],
        ).push(policy);
    }
  }

  select({ namespace, labels }: ReachRequest['workload']): readonly T[] {
    const own = selectIn(this.#namespaces.get(namespace), labels);
    const root = namespace === this.#root ? undefined : this.#namespaces.get(this.#root);
    return root === undefined ? own : [...own, ...selectIn(root, labels)];
  }
}

function selectIn<T extends Selection>(
  namespace: Namespace<T> | undefined,
  labels: Readonly<Record<string, string>>,
): readonly T[] {
  if (namespace === undefined) return [];
  const selected = [...namespace.everyone];
  for (const key of Object.keys(labels))
    for (const policy of namespace.labelled.get(key)?.get(labels[key]) ?? [])
      if (policy.labels.every(([label, value]) => Object.hasOwn(labels, label) && labels[label] === value))
        selected.push(policy);
  return selected;
}

function valueAt<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}
