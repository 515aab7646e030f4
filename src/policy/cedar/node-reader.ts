import { Fault } from '#kernel';

/** Readers of Cedar's JSON form. What is missing, added or of another type is refused: an unread part would be an unenforced one. */
export function fieldsOf<Name extends string>(
  json: unknown,
  names: readonly Name[],
  optional: readonly Name[] = [],
): Readonly<Record<Name, unknown>> {
  const given = recordOf(json);
  const unknown = Object.keys(given).find((name) => !names.some((known) => known === name));
  if (unknown !== undefined) throw refused(`has the field ${unknown.slice(0, 40)}`);
  const missing = names.find((name) => !Object.hasOwn(given, name) && !optional.includes(name));
  if (missing !== undefined) throw refused(`lacks the field ${missing}`);
  return given as Readonly<Record<Name, unknown>>;
}

export function recordOf(json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw refused('has a value where an object should be');
  return { ...json };
}

export function textOf(json: unknown): string {
  if (typeof json !== 'string') throw refused('has a value where a text should be');
  return json;
}

export function listOf(json: unknown): readonly unknown[] {
  if (!Array.isArray(json)) throw refused('has a value where a list should be');
  return json;
}

export function refused(what: string): Fault {
  return new Fault('CONFIG_INVALID', `a Cedar policy ${what}`);
}
