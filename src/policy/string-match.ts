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
export function listMatch(
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
  match: (pattern: string) => Matcher,
): Matcher {
  const wanted = values?.map(match);
  const unwanted = notValues?.map(match) ?? [];
  return (value) =>
    (wanted === undefined || wanted.some((test) => test(value))) && !unwanted.some((test) => test(value));
}

/** Path templates: `{*}` is exactly one non-empty segment, `{**}` zero or more; others are string matches. */
export function pathMatch(pattern: string): Matcher {
  if (!pattern.includes('{')) return stringMatch(pattern);
  const source = pattern
    .split('/')
    .map((segment) =>
      segment === '{*}' ? '[^/]+' : segment === '{**}' ? '.*' : segment.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
    )
    .join('/');
  // The expression is built from escaped literals and two fixed parts without nested repetition: it runs in linear time.
  const expression = new RegExp(`^${source}$`, 's');
  return (value) => value !== undefined && expression.test(value);
}

/** `namespaces` look at the `/ns/<namespace>/` part of the peer's id; a star stands for any characters. */
export function namespaceMatch(pattern: string): Matcher {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const expression = new RegExp(`/ns/${parts.join('[^/]*')}/`);
  return (value) => value !== undefined && expression.test(value);
}
