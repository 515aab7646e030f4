import { refused } from './refusal.ts';
import { type Matcher, stringMatch } from './string-match.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** Claims that are texts of several words, which are matched one by one (RFC 8693 §4.2; Istio's default list). */
const SPACE_DELIMITED: ReadonlySet<string> = new Set(['scope', 'permission']);

/** Names in `request.auth.claims[a][b]`; undefined for another key. Throws `CONFIG_INVALID` for brackets that are no chain. */
export function findClaimPath(key: string): readonly string[] | undefined {
  const brackets = /^request\.auth\.claims(.*)$/s.exec(key)?.[1];
  if (brackets === undefined) return undefined;
  if (!/^(\[[^[\]]+\])+$/.test(brackets))
    throw refused('a claim that is not named in brackets', 'a key such as request.auth.claims[group]');
  return brackets.slice(1, -1).split('][');
}

/** Matches a claim that is a text, or a list of which one text matches; numbers, truth values and objects never do. */
export function claimMatch(pattern: string): (value: unknown) => boolean {
  const match: Matcher = stringMatch(pattern);
  return (value) =>
    Array.isArray(value)
      ? value.some((one: unknown) => typeof one === 'string' && match(one))
      : typeof value === 'string' && match(value);
}

/** The claim at a path of names, each looked up in the object before it. */
export function claimAt(claims: Claims | undefined, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined;
    value = Reflect.get(value, name);
  }
  return typeof value === 'string' && path.length === 1 && SPACE_DELIMITED.has(path[0] ?? '')
    ? value.split(' ')
    : value;
}
