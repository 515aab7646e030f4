import { Fault } from '#kernel';
import type { Draft, Registry, ResourceChange } from '#registry';
import { RESOURCE_KINDS, type ResourceKind } from '#wire';
import type { DocumentProblem, Plan, Planned } from './documents.ts';

/** Documents that are kept together under a name: what leaves the files can leave the registry. */
export interface SetQuestion {
  /** Empty: none. */
  readonly set: string;
  /** Take away what the set put there and is no longer in it. */
  readonly prune: boolean;
  /** Empty: of every kind. */
  readonly onlyKind: string;
  /** A set of no documents at all is meant. */
  readonly allowEmpty: boolean;
}

/** Documents by themselves. */
export const NO_SET: SetQuestion = { set: '', prune: false, onlyKind: '', allowEmpty: false };

/**
 * What applying documents as a set changes: each joins the set, also one that nobody's set put there, and with `prune` what the set put there
 * and no document names goes. A document of another set is a problem. Without a set, what stands stays in the set that it is in. Throws
 * `ARGUMENT_INVALID`.
 */
export function planSet(registry: Registry, planned: Planned, question: SetQuestion): Planned {
  assertQuestion(planned, question);
  const problems: DocumentProblem[] = [];
  const changes = new Map<string, readonly ResourceChange[]>();
  for (const [trustDomain, some] of planned.changes) {
    const joined = some.map((change) => {
      const present = setOf(registry.find(change.kind, trustDomain, change.key));
      const set = question.set === '' ? present : question.set;
      if (present !== undefined && present !== set)
        problems.push({
          document: planned.documentOf(trustDomain, change),
          path: 'metadata.name',
          expected: 'a document that no other set has',
          found: `one of the set "${present}"`,
        });
      return joins(change) ? { ...change, body: inSet(change.body, set) } : change;
    });
    changes.set(trustDomain, joined);
  }
  if (question.prune)
    // First: what is renamed leaves before it comes.
    for (const [trustDomain, gone] of pruned(registry, changes, question))
      changes.set(trustDomain, [...gone, ...(changes.get(trustDomain) ?? [])]);
  return problems.length > 0
    ? { ...planned, changes: new Map(), problems: [...planned.problems, ...problems] }
    : { ...planned, changes };
}

/**
 * Holds a plan against the newest state when it is committed: what has come into another set since it was made is not this plan's to change, nor
 * to delete. Throws `STORE_CONTENDED`.
 */
export function setsStand(registry: Registry, plan: Plan): (draft: Draft) => void {
  const planned = [...plan].flatMap(([trustDomain, some]) =>
    some.map(({ kind, key }) => ({ trustDomain, kind, key, set: setOf(registry.find(kind, trustDomain, key)) })),
  );
  return (draft) => {
    for (const { trustDomain, kind, key, set } of planned)
      if (setOf(draft.find(kind, trustDomain, key)) !== set)
        throw new Fault('STORE_CONTENDED', `the set of ${kind} ${key} was changed at the same time: apply again`);
  };
}

function assertQuestion({ changes }: Planned, { set, prune, allowEmpty }: SetQuestion): void {
  if (set !== '' && !/^[a-z0-9][a-z0-9.-]{0,62}$/.test(set))
    throw new Fault('ARGUMENT_INVALID', 'the name of a set has 1 to 63 characters of a-z 0-9 . -');
  if (!prune) return;
  if (set === '') throw new Fault('ARGUMENT_INVALID', 'to prune, name the set whose documents these are');
  // An empty directory is a slip more often than a wish.
  if (changes.size === 0 && !allowEmpty)
    throw new Fault('ARGUMENT_INVALID', 'there are no documents: all that the set has would go');
}

/** Resources of the set that no document names. */
function pruned(registry: Registry, kept: Plan, { set, onlyKind }: SetQuestion): Plan {
  const gone = new Map<string, ResourceChange[]>();
  const named = new Set([...kept].flatMap(([name, some]) => some.map(({ kind, key }) => `${name}\n${kind}\n${key}`)));
  for (const kind of RESOURCE_KINDS) {
    if (onlyKind !== '' && kind !== onlyKind) continue;
    for (const { trustDomain, key, body } of registry.list<unknown>(kind)) {
      if (setOf(body) !== set || named.has(`${trustDomain}\n${kind}\n${key}`)) continue;
      gone.set(trustDomain, [...(gone.get(trustDomain) ?? []), { kind, key, body: null }]);
    }
  }
  return gone;
}

/** A trust domain takes its keys and all that it has with it: it is never in a set, and is deleted by its name only. */
function joins({ kind }: { readonly kind: ResourceKind }): boolean {
  return kind !== 'TrustDomain';
}

function inSet(body: unknown, appliedSet: string | undefined): unknown {
  return appliedSet === undefined ? body : { ...Object(body), appliedSet };
}

function setOf(body: unknown): string | undefined {
  const { appliedSet }: { readonly appliedSet?: unknown } = Object(body);
  return typeof appliedSet === 'string' ? appliedSet : undefined;
}
