import { basename, extname } from 'node:path';
import {
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  visit,
  type Document as YamlDocument,
} from 'yaml';
import { Fault, LIMITS } from '#kernel';
import type { Document } from './document.ts';
import { findDuplicates } from './duplicates.ts';
import { checkDocument } from './parse-document.ts';
import { configFault, type Problem, parsePath } from './problem.ts';
import { readConfiguration } from './read-configuration.ts';

export interface LoadedDocument {
  readonly file: string;
  readonly line: number;
  /** As written: what `Apply` sends. */
  readonly json: unknown;
  readonly document: Document;
  /** The line of a path in it, or of the nearest place above that exists; `within` counts the lines of a text at that path. */
  lineAt(path: string | readonly PropertyKey[], within?: number): number;
}

/**
 * Reads YAML files of one or more documents and `.cedar` files (each one `CedarPolicy`, named after the file). Throws
 * `CONFIG_UNREADABLE` when files cannot be read, `CONFIG_INVALID` with the problems of all files at once, `LIMIT_EXCEEDED`.
 */
export function loadDocuments(paths: readonly string[]): readonly LoadedDocument[] {
  const problems: Problem[] = [];
  const unreadable: Problem[] = [];
  const loaded = paths.flatMap((file) => {
    const read = readConfiguration(file);
    if ('problem' in read) {
      unreadable.push(read.problem);
      return [];
    }
    return extname(file) === '.cedar' ? loadCedar(file, read.text, problems) : loadYaml(file, read.text, problems);
  });
  problems.push(...findDuplicates(loaded));
  if (problems.length > 0) throw configFault([...unreadable, ...problems]);
  if (unreadable.length > 0) throw configFault(unreadable, 'CONFIG_UNREADABLE');
  if (loaded.length > LIMITS.documentCount.value)
    throw new Fault('LIMIT_EXCEEDED', `${loaded.length} documents are more than ${LIMITS.documentCount.value}`);
  return loaded;
}

function loadCedar(file: string, text: string, problems: Problem[]): readonly LoadedDocument[] {
  const json = {
    apiVersion: 'hauberk.dev/v1',
    kind: 'CedarPolicy',
    metadata: { name: basename(file, '.cedar') },
    spec: { text },
  };
  return accept({ file, line: 1, json, lineAt: (_path, within = 1) => within }, problems);
}

function loadYaml(file: string, text: string, problems: Problem[]): readonly LoadedDocument[] {
  const lines = new LineCounter();
  const parsed = parseYaml(text, lines);
  const before = problems.length;
  const loaded = parsed.flatMap((yaml) => {
    const wrong = findYamlProblem(yaml, lines);
    if (wrong !== undefined) {
      problems.push({ file, ...wrong });
      return [];
    }
    if (yaml.contents === null) return [];
    const line = lines.linePos(yaml.contents.range[0]).line;
    const json = plainValue(yaml);
    if (json === undefined) {
      problems.push({ file, line, path: '', expected: 'values written out', found: 'an alias' });
      return [];
    }
    const lineAt: LoadedDocument['lineAt'] = (path, within = 0) =>
      (lineOf(yaml, lines, typeof path === 'string' ? parsePath(path) : path) ?? line) + within;
    return json === null ? [] : accept({ file, line, json, lineAt }, problems);
  });
  if (loaded.length === 0 && problems.length === before)
    problems.push({ file, line: 1, path: '', expected: 'at least one document', found: 'none' });
  return loaded;
}

function parseYaml(text: string, lines: LineCounter): readonly YamlDocument.Parsed[] {
  // The parser's own search for repeated keys takes time by the square of their number: a minute for one file of 1 MB.
  const parsed = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: false });
  return Array.isArray(parsed) ? parsed : [];
}

/** The first thing that is wrong with the YAML itself: what comes after it in a document is mostly its consequence. */
function findYamlProblem(yaml: YamlDocument.Parsed, lines: LineCounter): Problem | undefined {
  const [error] = yaml.errors;
  if (error === undefined) return findRepeatedKey(yaml, lines);
  const line = lines.linePos(error.pos[0]).line;
  // The parser descends once a level.
  if (/call stack|Stack overflow/.test(error.message))
    return { line, path: '', expected: 'a document', found: 'values nested too deeply' };
  const found = error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? 'something else';
  return { line, path: '', expected: 'well-formed YAML', found: `a mistake: ${found}` };
}

function findRepeatedKey(yaml: YamlDocument.Parsed, lines: LineCounter): Problem | undefined {
  let repeated: Problem | undefined;
  visit(yaml, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        const name = isScalar(key) ? key.value : key;
        if (seen.has(name)) {
          const line = isScalar(key) && key.range ? lines.linePos(key.range[0]).line : 1;
          repeated = { line, path: '', expected: 'each key once', found: `${JSON.stringify(name)} again` };
          return visit.BREAK;
        }
        seen.add(name);
      }
      return undefined;
    },
  });
  return repeated;
}

/** Undefined when the document uses an alias: aliases multiply what a reader must check, and hide it. */
function plainValue(yaml: YamlDocument.Parsed): unknown {
  try {
    return yaml.toJS({ maxAliasCount: 0 });
  } catch {
    return undefined;
  }
}

function accept(
  { file, line, json, lineAt }: Omit<LoadedDocument, 'document'>,
  problems: Problem[],
): readonly LoadedDocument[] {
  const checked = checkDocument(json);
  if (checked.ok) return [{ file, line, json, document: checked.document, lineAt }];
  problems.push(...checked.problems.map(({ at, ...problem }) => ({ file, line: lineAt(at), ...problem })));
  return [];
}

/** The line of the key or item at a path, or of the nearest node above it that exists. */
function lineOf(yaml: YamlDocument.Parsed, lines: LineCounter, at: readonly PropertyKey[]): number | undefined {
  let node: unknown = yaml.contents;
  let offset = (yaml.contents as ParsedNode | null)?.range[0];
  for (const [depth, part] of at.entries()) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === part);
      if (pair === undefined) break;
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
      node = pair.value;
      continue;
    }
    const item: unknown = yaml.getIn(at.slice(0, depth + 1), true);
    if (!isNode(item) || !item.range) break;
    offset = item.range[0];
    node = item;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}
