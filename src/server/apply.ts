import { LIMITS } from '#kernel';
import type { ApplyRequest, ApplyResponse, ApplyResponse_Change } from '#wire/gen/hauberk_admin';
import { planDocuments } from './documents.ts';
import type { State } from './state.ts';

/** Applies documents, or says what applying them would change. With one problem in any of them nothing is changed. */
export async function applyDocuments(
  { state, by }: { readonly state: State; readonly by: string },
  { documentsJson, dryRun }: ApplyRequest,
): Promise<ApplyResponse> {
  const { registry } = state;
  const { changes: plan, problems } = planDocuments(documentsJson, registry.trustDomains());
  if (problems.length > 0) {
    const told = problems.slice(0, LIMITS.reportedProblems.value).map(({ line = 0, nearest = '', ...problem }) => ({
      document: problem.document,
      path: problem.path,
      expected: problem.expected,
      found: problem.found,
      nearest,
      line,
    }));
    return { changes: [], problems: told, problemCount: problems.length };
  }
  const committed = dryRun
    ? [...registry.plan(plan)].map(([trustDomain, changes]) => ({
        trustDomain,
        revision: registry.revision(trustDomain),
        changes,
      }))
    : await state.commitAll(plan, by);
  const changes = committed.flatMap(({ trustDomain, revision, changes: some }) =>
    some.map(({ verb = 'updated', kind, key, body }): ApplyResponse_Change => {
      const said = { verb, kind, trustDomain, key, revision: BigInt(revision) };
      const before: unknown = dryRun ? registry.find(kind, trustDomain, key) : undefined;
      const beforeJson = before === undefined ? '' : JSON.stringify(before);
      return { ...said, beforeJson, afterJson: dryRun ? JSON.stringify(body) : '' };
    }),
  );
  return { changes, problems: [], problemCount: 0 };
}
