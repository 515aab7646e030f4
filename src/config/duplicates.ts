import type { Document } from './document.ts';
import type { Problem } from './problem.ts';

interface Placed {
  readonly file: string;
  readonly line: number;
  readonly document: Document;
}

/** Two documents of one kind and name: the second would silently take the place of the first. */
export function findDuplicates(loaded: readonly Placed[]): readonly Problem[] {
  const first = new Map<string, Placed>();
  return loaded.flatMap((one) => {
    const key = keyOf(one.document);
    const before = first.get(key);
    if (before === undefined) first.set(key, one);
    if (before === undefined) return [];
    const { kind, metadata } = one.document;
    const found = `a second ${kind} ${metadata.name} (the first is at ${before.file}:${before.line})`;
    return [{ file: one.file, line: one.line, path: 'metadata.name', expected: 'one document of a name', found }];
  });
}

function keyOf({ kind, metadata }: Document): string {
  const namespace = 'namespace' in metadata ? metadata.namespace : '';
  const trustDomain = 'trustDomain' in metadata ? (metadata.trustDomain ?? '') : '';
  return [kind, trustDomain, namespace, metadata.name].join('\n');
}
