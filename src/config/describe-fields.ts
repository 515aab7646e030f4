import { z } from 'zod';
import { type DocumentKind, SCHEMAS } from './document.ts';
import { MEANINGS } from './meanings.ts';

/** One field of a kind of document, for the reference page. */
export interface Field {
  /** `spec.minters[].kinds[]`. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly default?: string;
  readonly meaning: string;
}

export const DOCUMENT_KINDS = Object.keys(SCHEMAS) as readonly DocumentKind[];

/** Every field of a kind, in the order of its schema, without `apiVersion` and `kind`. */
export function describeFields(kind: DocumentKind): readonly Field[] {
  return children(SCHEMAS[kind], '')
    .filter(({ path }) => path !== 'apiVersion' && path !== 'kind')
    .map((field) => ({
      ...field,
      meaning: meaningOf(kind, field.path),
    }));
}

/** `apiVersion` values of a kind. */
export function apiVersionsOf(kind: DocumentKind): string {
  return typeOf(SCHEMAS[kind].shape.apiVersion);
}

function meaningOf(kind: DocumentKind, path: string): string {
  return MEANINGS[`${kind} ${path}`] ?? MEANINGS[path] ?? '';
}

type Described = Omit<Field, 'meaning'>;

function children(schema: unknown, path: string): readonly Described[] {
  const { inner } = unwrap(schema);
  if (inner instanceof z.ZodObject)
    return Object.entries(inner.shape).flatMap(([name, field]) =>
      describe(field, path === '' ? name : `${path}.${name}`),
    );
  if (inner instanceof z.ZodArray) return children(inner.element, `${path}[]`);
  if (inner instanceof z.ZodRecord) return children(inner.valueType, `${path}.<name>`);
  if (!(inner instanceof z.ZodUnion)) return [];
  return merge(inner.options.map((option) => children(option, path)));
}

/** Fields of several shapes: what one of them lacks is not required. */
function merge(shapes: readonly (readonly Described[])[]): readonly Described[] {
  const found = new Map<string, Described[]>();
  for (const field of shapes.flat()) found.set(field.path, [...(found.get(field.path) ?? []), field]);
  return [...found].map(([path, fields]) => ({
    ...fields[0],
    path,
    type: [...new Set(fields.map(({ type }) => type))].join(' or '),
    required: fields.length === shapes.length && fields.every(({ required }) => required),
  }));
}

function describe(schema: unknown, path: string): readonly Described[] {
  const { inner, optional, fallback } = unwrap(schema);
  const own: Described = {
    path,
    type: typeOf(inner),
    required: !optional,
    ...(fallback === undefined ? {} : { default: JSON.stringify(fallback) }),
  };
  return [own, ...children(inner, path)];
}

interface Unwrapped {
  readonly inner: unknown;
  readonly optional: boolean;
  readonly fallback?: unknown;
}

function unwrap(schema: unknown): Unwrapped {
  if (schema instanceof z.ZodOptional) return { ...unwrap(schema.unwrap()), optional: true };
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return { ...unwrap(schema.unwrap()), optional: true, fallback: schema.def.defaultValue };
  if (schema instanceof z.ZodPipe) return unwrap(schema.def.in);
  return { inner: schema, optional: false };
}

function typeOf(schema: unknown): string {
  const { inner } = unwrap(schema);
  if (inner instanceof z.ZodLiteral) return [...inner.values].map((value) => `\`${String(value)}\``).join(' or ');
  if (inner instanceof z.ZodEnum) return inner.options.map((value) => `\`${String(value)}\``).join(' or ');
  if (inner instanceof z.ZodUnion) return [...new Set(inner.options.map(typeOf))].join(', or ');
  if (inner instanceof z.ZodArray) return `list of: ${typeOf(inner.element)}`;
  if (inner instanceof z.ZodRecord) return `mapping to: ${typeOf(inner.valueType)}`;
  if (inner instanceof z.ZodObject) return 'mapping';
  if (inner instanceof z.ZodBoolean) return '`true` or `false`';
  if (inner instanceof z.ZodNumber) return number(inner);
  return inner instanceof z.ZodString ? text(inner) : 'anything';
}

function number({ minValue, maxValue }: z.ZodNumber): string {
  return `whole number, ${minValue} to ${maxValue}`;
}

/** What a text has to be is what the schema says when it is refused. */
function text(schema: z.ZodString): string {
  for (const wrong of ['', '\0']) {
    const [issue] = schema.safeParse(wrong).error?.issues ?? [];
    if (issue?.code === 'custom') return issue.message;
  }
  return 'text';
}
