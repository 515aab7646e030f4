import { Fault } from '#kernel';

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
export function configFault(problems: readonly Problem[]): Fault {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  return new Fault('CONFIG_INVALID', `the configuration has ${count}:\n  ${problems.map(formatProblem).join('\n  ')}`, {
    details: { problems },
  });
}

export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`))
    .join('');
}

/** The operator's own text, shortened. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
