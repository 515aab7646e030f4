import { type CanonicalTarget, canonicalPath } from '#http';
import { Fault } from '#kernel';
import type { Route } from './mapping.ts';

export interface RouteQuestion {
  readonly target: CanonicalTarget;
  readonly method: string;
  /** Values by lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Ambassador's routes in Ambassador's order: precedence, longer prefix, more header text, then the prefix itself, descending; the first match counts. */
export class RouteTable {
  readonly #routes: readonly Route[];

  /** Throws `CONFIG_INVALID` when two routes could not be told apart. */
  constructor(routes: readonly Route[]) {
    this.#routes = routes.toSorted(compareRoutes);
    const seen = new Map<string, string>();
    for (const { name, hostname, prefix, exact, method, headers, precedence } of this.#routes) {
      const group = JSON.stringify([hostname, prefix, exact, method ?? '', headers, precedence]);
      const other = seen.get(group);
      if (other !== undefined)
        throw new Fault('CONFIG_INVALID', `Mapping ${name} and Mapping ${other} match the same requests`);
      seen.set(group, name);
    }
  }

  find(question: RouteQuestion): Route | undefined {
    return this.#routes.find((route) => matches(route, question));
  }
}

/**
 * The path that goes on: the prefix gives way to the rewrite, joined by one slash. A prefix that ends inside a segment could leave a dot segment
 * behind (`/files../x` under `/files`): refused with `REQUEST_AMBIGUOUS`.
 */
export function rewritePath(route: Route, path: string): string {
  if (route.rewrite === undefined) return path;
  const rest = path.slice(route.prefix.length);
  const joined = `${route.rewrite}${rest}`.replaceAll(/\/{2,}/g, '/');
  const rewritten = joined.startsWith('/') ? joined : `/${joined}`;
  if (canonicalPath(rewritten) !== rewritten)
    throw new Fault('REQUEST_AMBIGUOUS', 'the rewritten path is not canonical');
  return rewritten;
}

function matches(route: Route, { target, method, headers }: RouteQuestion): boolean {
  if (!hostMatches(route.hostname, target.host)) return false;
  if (route.method !== undefined && route.method !== method) return false;
  const path = route.caseSensitive ? target.path : target.path.toLowerCase();
  const prefix = route.caseSensitive ? route.prefix : route.prefix.toLowerCase();
  if (route.exact ? path !== prefix : !path.startsWith(prefix)) return false;
  return route.headers.every(([name, value]) => headers[name] === value);
}

function hostMatches(pattern: string, host: string): boolean {
  if (pattern === '*') return true;
  if (pattern.startsWith('*')) return host.length > pattern.length - 1 && host.endsWith(pattern.slice(1));
  if (pattern.endsWith('*')) return host.startsWith(pattern.slice(0, -1));
  return pattern === host;
}

function compareRoutes(a: Route, b: Route): number {
  const byHost = Number(b.hostname !== '*') - Number(a.hostname !== '*');
  const byText = a.prefix < b.prefix ? 1 : a.prefix > b.prefix ? -1 : 0;
  return (
    b.precedence - a.precedence ||
    b.prefix.length - a.prefix.length ||
    weight(b) - weight(a) ||
    byText ||
    byHost ||
    Number(b.method !== undefined) - Number(a.method !== undefined)
  );
}

function weight({ headers, method }: Route): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length, (method ?? '').length);
}
