import { Fault, LIMITS } from '#kernel';

/** One thing that is wrong with a document, with what an operator needs to find and mend it. */
export interface Problem {
  /** Absent for a document that came as JSON. */
  readonly file?: string;
  readonly line?: number;
  /** `spec.endpoints[0].port`; empty for the document itself. */
  readonly path: string;
  readonly expected: string;
  readonly found: string;
  /** The known key or kind that was most likely meant. */
  readonly nearest?: string;
}

/** `services.yaml:12: spec.protocol: expected "http", "postgres" or "tcp", found "htpp" (did you mean "http"?)` */
export function formatProblem(problem: Problem): string {
  const where = [problem.file, problem.line].filter((part) => part !== undefined).join(':');
  const nearest = problem.nearest === undefined ? '' : ` (did you mean "${problem.nearest}"?)`;
  const place = [where, problem.path].filter((part) => part !== '').join(': ');
  return `${place === '' ? '' : `${place}: `}expected ${problem.expected}, found ${problem.found}${nearest}`;
}

/** All problems at once; `details.problems` holds them. */
export function configFault(
  problems: readonly Problem[],
  code: 'CONFIG_INVALID' | 'CONFIG_UNREADABLE' = 'CONFIG_INVALID',
  total = problems.length,
): Fault {
  const [only] = problems;
  const lines = problems.slice(0, LIMITS.reportedProblems.value).map(formatProblem);
  if (total > lines.length) lines.push(`and ${total - lines.length} more`);
  const sentence =
    only !== undefined && total === 1
      ? formatProblem(only)
      : `the configuration has ${total} problems:\n  ${lines.join('\n  ')}`;
  return new Fault(code, sentence, { details: { problems } });
}

export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`))
    .join('');
}

/** The parts of a path that `formatPath` made; a key that holds a dot or bracket is not found again. */
export function parsePath(path: string): readonly (string | number)[] {
  return [...path.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) =>
    index === undefined ? (key ?? '') : Number(index),
  );
}

/** The operator's own text, shortened. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
