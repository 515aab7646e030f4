import { LIMITS } from '#kernel';
import type { Refusal } from '#registry';
import type { ApplyRequest, ApplyResponse, ApplyResponse_Change, ApplyResponse_Problem } from '#wire/gen/hauberk_admin';
import { NO_SET, planSet, type SetQuestion, setsStand } from './applied-set.ts';
import { type DocumentProblem, type Planned, planDocuments } from './documents.ts';
import type { State } from './state.ts';

/**
 * Applies documents, or says what applying them would change. With one problem in any of them nothing is changed. Throws `ARGUMENT_INVALID`,
 * `LIMIT_EXCEEDED`, and `STORE_CONTENDED` where another apply has moved some of it to another set meanwhile.
 */
export async function applyDocuments(
  { state, by }: { readonly state: State; readonly by: string },
  { documentsJson, dryRun }: ApplyRequest,
  question: SetQuestion = NO_SET,
): Promise<ApplyResponse> {
  const { registry } = state;
  const read = planDocuments(documentsJson, registry.trustDomains());
  const planned = read.problems.length > 0 ? read : planSet(registry, read, question);
  const { changes: plan } = planned;
  const refused = registry.refusals(plan).map((refusal) => refusedDocument(planned, refusal));
  const problems = [...planned.problems, ...refused];
  if (problems.length > 0) return { changes: [], problems: told(problems), problemCount: problems.length };
  const committed = dryRun
    ? [...registry.plan(plan)].map(([trustDomain, changes]) => ({
        trustDomain,
        revision: registry.revision(trustDomain),
        changes,
      }))
    : await state.commitAll(plan, by, setsStand(registry, plan));
  const changes = committed.flatMap(({ trustDomain, revision, changes: some }) =>
    some.map(({ verb = 'updated', kind, key, body }): ApplyResponse_Change => {
      const said = { verb, kind, trustDomain, key, revision: BigInt(revision) };
      const before: unknown = dryRun ? registry.find(kind, trustDomain, key) : undefined;
      const beforeJson = before === undefined ? '' : JSON.stringify(before);
      return { ...said, beforeJson, afterJson: dryRun && body !== null ? JSON.stringify(body) : '' };
    }),
  );
  return { changes, problems: [], problemCount: 0 };
}

function told(problems: readonly DocumentProblem[]): ApplyResponse_Problem[] {
  return problems
    .slice(0, LIMITS.reportedProblems.value)
    .map(({ line = 0, nearest = '', ...problem }) => ({ ...problem, line, nearest }));
}

/** What the registry holds against a document, beside what else stands in it. */
function refusedDocument(planned: Planned, { trustDomain, change, fault }: Refusal): DocumentProblem {
  const document = planned.documentOf(trustDomain, change);
  const { existing, field } = fault.details;
  const other = typeof existing === 'string' ? `: ${existing}` : '';
  const expected = `${change.kind === 'Entry' ? 'an' : 'a'} ${change.kind} that the registry takes`;
  return {
    document,
    path: typeof field === 'string' ? `spec.${field}` : 'spec',
    expected,
    found: `${fault.message}${other}`,
  };
}
