import { configFault, findNearest, type LoadedDocument, type Problem } from '#config';
import { isFault } from '#kernel';
import { parseAuthService, parseMapping, type SpecProblem } from '#routing';

/**
 * Mapping and AuthService documents, read as the edge will read them: a wrong one is told with its line before anything starts. Throws
 * `CONFIG_INVALID` with every problem.
 */
export function checkRoutes(routes: readonly LoadedDocument[]): void {
  const problems = routes.filter(({ json }) => !PLACEHOLDER.test(JSON.stringify(json))).flatMap(problemsOf);
  if (problems.length > 0) throw configFault(problems);
}

/** What is filled in later can be judged by the edge only. */
const PLACEHOLDER = /\$\{/;

function problemsOf({ file, json, document, lineAt }: LoadedDocument): readonly Problem[] {
  try {
    if (document.kind === 'Mapping') parseMapping(json);
    else parseAuthService(json);
    return [];
  } catch (error) {
    if (!isFault(error) || !Array.isArray(error.details.problems)) throw error;
    const problems: readonly SpecProblem[] = error.details.problems;
    return problems.map(({ path, expected, found, known = [] }) => {
      const nearest = findNearest(path.split('.').at(-1) ?? '', known);
      return { file, line: lineAt(path), path, expected, found, ...(nearest === undefined ? {} : { nearest }) };
    });
  }
}
