import { readFileSync, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import {
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  type Document as YamlDocument,
} from 'yaml';
import { Fault, LIMITS } from '#kernel';
import type { Document } from './document.ts';
import { checkDocument } from './parse-document.ts';
import { configFault, type Problem } from './problem.ts';

export interface LoadedDocument {
  readonly file: string;
  readonly line: number;
  /** As written: what `Apply` sends. */
  readonly json: unknown;
  readonly document: Document;
}

/**
 * Reads YAML files of one or more documents and `.cedar` files (each one `CedarPolicy`, named after the file). Throws
 * `CONFIG_UNREADABLE`, `LIMIT_EXCEEDED`, or `CONFIG_INVALID` with the problems of all files at once.
 */
export function loadDocuments(paths: readonly string[]): readonly LoadedDocument[] {
  const problems: Problem[] = [];
  const loaded = paths.flatMap((file) => {
    const text = readConfiguration(file);
    return extname(file) === '.cedar' ? loadCedar(file, text, problems) : loadYaml(file, text, problems);
  });
  if (problems.length > 0) throw configFault(problems);
  if (loaded.length > LIMITS.documentCount.value) throw new Fault('LIMIT_EXCEEDED', 'too many documents');
  return loaded;
}

function readConfiguration(file: string): string {
  try {
    if (statSync(file).size > LIMITS.documentBytes.value) throw new Fault('LIMIT_EXCEEDED', `${file} is too large`);
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('CONFIG_UNREADABLE', `${file} cannot be read`, { cause, details: { file } });
  }
}

function loadCedar(file: string, text: string, problems: Problem[]): readonly LoadedDocument[] {
  const json = {
    apiVersion: 'hauberk.dev/v1',
    kind: 'CedarPolicy',
    metadata: { name: basename(file, '.cedar') },
    spec: { text },
  };
  return accept(file, 1, json, () => 1, problems);
}

function loadYaml(file: string, text: string, problems: Problem[]): readonly LoadedDocument[] {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true });
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((yaml: YamlDocument.Parsed) => {
    if (yaml.errors.length > 0) {
      problems.push(...yaml.errors.map((error) => yamlProblem(file, lines, error.pos[0], error.message)));
      return [];
    }
    if (yaml.contents === null) return [];
    const line = lines.linePos(yaml.contents.range[0]).line;
    const json = plainValue(yaml);
    if (json === undefined) {
      problems.push({ file, line, path: '', expected: 'values written out', found: 'an alias' });
      return [];
    }
    return json === null ? [] : accept(file, line, json, (at) => lineOf(yaml, lines, at) ?? line, problems);
  });
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
  file: string,
  line: number,
  json: unknown,
  locate: (at: readonly PropertyKey[]) => number,
  problems: Problem[],
): readonly LoadedDocument[] {
  const checked = checkDocument(json);
  if (checked.ok) return [{ file, line, json, document: checked.document }];
  problems.push(...checked.problems.map(({ at, ...problem }) => ({ file, line: locate(at), ...problem })));
  return [];
}

function yamlProblem(file: string, lines: LineCounter, offset: number, message: string): Problem {
  const sentence = message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? 'not YAML';
  return { file, line: lines.linePos(offset).line, path: '', expected: 'well-formed YAML', found: sentence };
}

/** The line of the key or item at a path, or of the nearest node above it that exists. */
function lineOf(yaml: YamlDocument.Parsed, lines: LineCounter, at: readonly PropertyKey[]): number | undefined {
  let node: unknown = yaml.contents;
  let offset = (yaml.contents as ParsedNode | null)?.range[0];
  for (const part of at) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === part);
      if (pair === undefined) break;
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
      node = pair.value;
      continue;
    }
    const item: unknown = yaml.getIn([...at.slice(0, at.indexOf(part) + 1)], true);
    if (!isNode(item) || !item.range) break;
    offset = item.range[0];
    node = item;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}
