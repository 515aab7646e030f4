import { refused } from './refusal.ts';

/** A test of one value; undefined is an absent value. */
export type Matcher = (value: string | undefined) => boolean;

/**
 * Istio's string match: `*` is presence, `*x` a suffix, `x*` a prefix, else exact. One star at one end is special; any other is a literal.
 * Case-sensitive.
 */
export function stringMatch(pattern: string): Matcher {
  if (pattern === '*') return (value) => value !== undefined && value !== '';
  if (pattern.startsWith('*')) {
    const suffix = pattern.slice(1);
    return (value) => value?.endsWith(suffix) === true;
  }
  if (pattern.endsWith('*')) {
    const prefix = pattern.slice(0, -1);
    return (value) => value?.startsWith(prefix) === true;
  }
  return (value) => value === pattern;
}

/** A list of values matches when one does; a list of `not` values when none does, so an absent attribute satisfies every negation. */
export function listMatch<T>(
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
  match: (pattern: string) => (value: T) => boolean,
): (value: T) => boolean {
  const wanted = values?.map(match);
  const unwanted = notValues?.map(match) ?? [];
  return (value) =>
    (wanted === undefined || wanted.some((test) => test(value))) && !unwanted.some((test) => test(value));
}

const TEMPLATE_OPERATORS = ['{*}', '{**}'];
const TEMPLATE_LITERAL = /^[A-Za-z0-9\-._~%!$&'()+,;:@=]*$/;

/**
 * Path templates: `{*}` is exactly one non-empty segment, `{**}` zero or more and the last operator; others are string matches. An operator fills
 * its segment. Throws `CONFIG_INVALID` for a template that Istio refuses: taken as a literal it would never match, and a DENY with it would be open.
 */
export function pathMatch(pattern: string): Matcher {
  if (!TEMPLATE_OPERATORS.some((operator) => pattern.includes(operator))) return stringMatch(pattern);
  const segments = pattern.split('/');
  const operators = segments.filter((segment) => TEMPLATE_OPERATORS.includes(segment));
  const literals = segments.filter((segment) => !TEMPLATE_OPERATORS.includes(segment));
  if (!literals.every((literal) => TEMPLATE_LITERAL.test(literal)) || operators.slice(0, -1).includes('{**}'))
    throw refused('a path template that is none', 'segments that are {*}, {**} (the last one) or plain text');
  const source = segments.map((segment) =>
    segment === '{*}' ? '[^/]+' : segment === '{**}' ? '.*' : segment.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
  );
  // The expression is built from escaped literals and two fixed parts without nested repetition: it runs in linear time.
  const expression = new RegExp(`^${source.join('/')}$`, 's');
  return (value) => value !== undefined && expression.test(value);
}
