import { Fault } from '#kernel';

/** Fills `${port.login}` and `${secret.name}` into every text of a JSON value. Throws `CONFIG_INVALID` for a name that is not known. */
export function fillPlaceholders(value: unknown, known: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return value.replaceAll(/\$\{([^}]*)\}/g, (_, name: string) => find(name, known));
  if (Array.isArray(value)) return value.map((item) => fillPlaceholders(item, known));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillPlaceholders(item, known)]));
}

function find(name: string, known: ReadonlyMap<string, string>): string {
  const value = known.get(name);
  if (value !== undefined) return value;
  const names = [...known.keys()].sort().join(', ');
  throw new Fault('CONFIG_INVALID', `\${${name}} is not known; known are ${names}`, { details: { name } });
}
