import { type Document, isDocumentKind, SCHEMAS } from './document.ts';
import { explainIssues, type Located } from './explain.ts';
import { findNearest } from './nearest.ts';
import { configFault, describeValue } from './problem.ts';

export type Checked =
  | { readonly ok: true; readonly document: Document }
  | { readonly ok: false; readonly problems: readonly Located[] };

/** One document as JSON. Throws `CONFIG_INVALID` with every problem in `details.problems`. */
export function parseDocument(json: unknown): Document {
  const checked = checkDocument(json);
  if (checked.ok) return checked.document;
  throw configFault(checked.problems.map(({ at: _at, ...problem }) => problem));
}

/** Like `parseDocument`, for callers that know where the document stands in a file. */
export function checkDocument(json: unknown): Checked {
  const kind = typeof json === 'object' && json !== null && 'kind' in json ? json.kind : undefined;
  if (!isDocumentKind(kind)) return { ok: false, problems: [unknownKind(kind)] };
  const schema = SCHEMAS[kind];
  const result = schema.safeParse(json);
  if (result.success) return { ok: true, document: result.data };
  return { ok: false, problems: explainIssues(schema, json, result.error.issues) };
}

function unknownKind(kind: unknown): Located {
  const known = Object.keys(SCHEMAS);
  const nearest = typeof kind === 'string' ? findNearest(kind, known) : undefined;
  return {
    at: ['kind'],
    path: 'kind',
    expected: `one of ${known.join(', ')}`,
    found: describeValue(kind),
    ...(nearest === undefined ? {} : { nearest }),
  };
}
