import { z } from 'zod';
import { LIMITS } from '#kernel';
import { findNearest } from './nearest.ts';
import { describeValue, formatPath, type Problem } from './problem.ts';

export interface Located extends Problem {
  /** Where in the document: the key itself for an unknown key. */
  readonly at: readonly PropertyKey[];
}

/** Turns zod's issues into problems: what was expected, what was found, and the nearest known key or value. */
export function explainIssues(
  schema: z.ZodType,
  value: unknown,
  issues: readonly z.core.$ZodIssue[],
): readonly Located[] {
  return issues.slice(0, LIMITS.reportedProblems.value).flatMap((issue) => explain(schema, value, issue, []));
}

function explain(
  schema: z.ZodType,
  value: unknown,
  issue: z.core.$ZodIssue,
  prefix: readonly PropertyKey[],
): readonly Located[] {
  const at = [...prefix, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, at);
    return issue.keys
      .slice(0, LIMITS.reportedProblems.value)
      .map((key) =>
        problem([...at, key], `one of ${known.join(', ')}`, `the unknown key "${key}"`, findNearest(key, known)),
      );
  }
  const found = valueAt(value, at);
  const options = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const nearest = typeof found === 'string' ? findNearest(found, options) : undefined;
  return [problem(at, expectation(issue), describeValue(found), nearest)];
}

function problem(at: readonly PropertyKey[], expected: string, found: string, nearest: string | undefined): Located {
  return { at, path: formatPath(at), expected, found, ...(nearest === undefined ? {} : { nearest }) };
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return oneOf(issue.values.map((value) => JSON.stringify(value)));
    case 'too_small':
      return issue.origin === 'array' ? `at least ${issue.minimum}` : `${issue.minimum} or more`;
    case 'too_big':
      return `${issue.maximum} or less`;
    case 'invalid_union':
      return oneOf([...new Set(issue.errors.flat().map(expectation))]);
    default:
      return issue.message;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  int: 'a whole number',
  number: 'a number',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  boolean: 'true or false',
};

function oneOf(options: readonly string[]): string {
  return options.length < 2 ? (options[0] ?? 'nothing') : `${options.slice(0, -1).join(', ')} or ${options.at(-1)}`;
}

function knownKeys(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((option) => knownKeys(option, path));
  const [head, ...rest] = path;
  if (inner instanceof z.ZodObject)
    return head === undefined ? Object.keys(inner.shape) : knownKeys(inner.shape[String(head)], rest);
  if (head === undefined) return [];
  if (inner instanceof z.ZodArray) return knownKeys(inner.element, rest);
  return inner instanceof z.ZodRecord ? knownKeys(inner.valueType, rest) : [];
}

function unwrap(schema: unknown): unknown {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? unwrap(schema.unwrap()) : schema;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = Reflect.get(current, part);
  }
  return current;
}
