/** A change as the admin API tells it. */
export interface Changed {
  readonly verb: string;
  readonly kind: string;
  readonly trustDomain: string;
  readonly key: string;
  readonly revision: bigint;
  readonly beforeJson: string;
  readonly afterJson: string;
}

const WOULD: Readonly<Record<string, string>> = { created: 'create', updated: 'update', removed: 'remove' };

/** One line for a change; of a dry run, a line for each field too: `-` as it is, `+` as it would be. */
export function changeLines(change: Changed, dryRun: boolean): readonly string[] {
  const { verb, kind, trustDomain, key, revision } = change;
  if (!dryRun) return [`${verb} ${kind} ${key} in ${trustDomain} at revision ${revision}`];
  return [
    `would ${WOULD[verb] ?? verb} ${kind} ${key} in ${trustDomain}`,
    ...diff(change.beforeJson, change.afterJson),
  ];
}

function diff(beforeJson: string, afterJson: string): readonly string[] {
  const [before, after] = [leaves(beforeJson), leaves(afterJson)];
  const paths = [...new Set([...before.keys(), ...after.keys()])];
  return paths.flatMap((path) => {
    const [was, is] = [before.get(path), after.get(path)];
    if (was === is) return [];
    return [...line('-', path, was), ...line('+', path, is)];
  });
}

function line(sign: string, path: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [`  ${sign} ${path}: ${value}`];
}

/** Every text, number and truth value of a resource by its path. */
function leaves(json: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (json !== '') collect(JSON.parse(json), '', found);
  return found;
}

function collect(value: unknown, path: string, found: Map<string, string>): void {
  if (typeof value !== 'object' || value === null) found.set(path, JSON.stringify(value));
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) collect(item, `${path}[${index}]`, found);
  else
    for (const [key, item] of Object.entries(value))
      if (key !== 'policies') collect(item, path === '' ? key : `${path}.${key}`, found);
}
