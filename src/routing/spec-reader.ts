import { Fault } from '#kernel';

/** One field that is wrong, and the name that was most likely meant is among `known`. */
export interface SpecProblem {
  readonly path: string;
  readonly expected: string;
  readonly found: string;
  readonly known?: readonly string[];
}

/** Reads a document's spec field by field and collects every problem; a field that nobody read is a problem too. */
export class SpecReader {
  readonly #name: string;
  readonly #spec: Readonly<Record<string, unknown>>;
  readonly #read = new Set<string>();
  readonly #problems: SpecProblem[] = [];

  constructor(name: string, spec: unknown) {
    this.#name = name;
    this.#spec = Object(spec);
  }

  /** Fields that change nothing that is judged here. */
  ignore(...fields: readonly string[]): void {
    for (const field of fields) this.#read.add(field);
  }

  text(field: string): string | undefined {
    return this.#take(field, 'text', (value): value is string => typeof value === 'string');
  }

  flag(field: string): boolean | undefined {
    return this.#take(field, 'true or false', (value): value is boolean => typeof value === 'boolean');
  }

  integer(field: string): number | undefined {
    const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);
    return this.#take(field, 'a whole number', isInteger);
  }

  texts(field: string): readonly string[] | undefined {
    const isTexts = (value: unknown): value is readonly string[] =>
      Array.isArray(value) && value.every((one) => typeof one === 'string');
    return this.#take(field, 'a list of texts', isTexts);
  }

  record(field: string): Readonly<Record<string, unknown>> | undefined {
    return this.#take(field, 'an object', isRecord);
  }

  list(field: string): readonly unknown[] | undefined {
    return this.#take(field, 'a list', (value): value is readonly unknown[] => Array.isArray(value));
  }

  problem(field: string, expected: string): void {
    const value = field.split('.').reduce<unknown>((above, part) => Object(above)[part], this.#spec);
    this.#problems.push({ path: `spec.${field}`, expected, found: describe(value) });
  }

  /** A field that a document of this kind has not got. */
  unknown(field: string, known: readonly string[]): void {
    const name = field.split('.').at(-1) ?? field;
    const found = `"${name}", which is not supported here`;
    this.#problems.push({ path: `spec.${field}`, expected: `one of ${known.join(', ')}`, found, known });
  }

  /** Throws `CONFIG_INVALID` with everything that was wrong. */
  done(): void {
    for (const field of Object.keys(this.#spec)) if (!this.#read.has(field)) this.unknown(field, [...this.#read]);
    const problems = this.#problems;
    if (problems.length === 0) return;
    const sentences = problems.map(({ path, expected, found }) => `${path}: expected ${expected}, found ${found}`);
    throw new Fault('CONFIG_INVALID', `${this.#name}: ${sentences.join('; ')}`, { details: { problems } });
  }

  #take<T>(field: string, expected: string, is: (value: unknown) => value is T): T | undefined {
    this.#read.add(field);
    const value = this.#spec[field];
    if (value === undefined || value === null) return undefined;
    if (is(value)) return value;
    this.problem(field, expected);
    return undefined;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The operator's own text, shortened. */
function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
