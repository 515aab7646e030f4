import { canonicalTarget } from '#http';

const HOST = 'return.invalid';
const MOST_CHARACTERS = 2048;

/**
 * Where a browser goes after signing in: a path of this origin in canonical form, or `/`. What a browser could read as another origin
 * (`//e`, `/\e`, `/%09/e`, `https:e`, a user part, line breaks) does not pass the canonicaliser; what passes is resolved once more as a browser would.
 */
export function returnTarget(wanted: string | null): string {
  if (wanted === null || wanted.length > MOST_CHARACTERS || !/^\/(?![/\\])/.test(wanted)) return '/';
  try {
    const { path, search } = canonicalTarget({ target: wanted, hosts: [HOST], scheme: 'http' });
    const target = `${path}${search}`;
    const origin = `http://${HOST}`;
    if (new URL(target, origin).origin !== origin || path.startsWith('/.hauberk/')) return '/';
    return target;
  } catch {
    return '/';
  }
}
