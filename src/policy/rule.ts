import { Fault } from '#kernel';
import type { ReachRequest } from './decision.ts';
import { listMatch, type Matcher, namespaceMatch, pathMatch, stringMatch } from './string-match.ts';

export type RequestTest = (request: ReachRequest) => boolean;

type Fields = Readonly<Record<string, unknown>>;

const principalMatch = (pattern: string): Matcher => {
  // Istio writes principals without `spiffe://`.
  const match = stringMatch(pattern);
  return (value) => match(value?.startsWith('spiffe://') === true ? value.slice('spiffe://'.length) : undefined);
};
const hostMatch = (pattern: string): Matcher => {
  const match = stringMatch(pattern.toLowerCase());
  return (value) => match(value?.toLowerCase());
};

interface Field {
  readonly match: (pattern: string) => Matcher;
  readonly read: (request: ReachRequest) => string | undefined;
}

const requestPrincipal = ({ requestPrincipal: one }: ReachRequest): string | undefined =>
  one === undefined ? undefined : `${one.iss}/${one.sub}`;

/** `source` fields; each has a `not…` twin. `ipBlocks` and `remoteIpBlocks` are not evaluated, so a policy with them is refused. */
const SOURCE: Readonly<Record<string, Field>> = {
  principals: { match: principalMatch, read: ({ principal }) => principal },
  requestPrincipals: { match: stringMatch, read: requestPrincipal },
  namespaces: { match: namespaceMatch, read: ({ principal }) => principal },
};

const OPERATION: Readonly<Record<string, Field>> = {
  hosts: { match: hostMatch, read: ({ host }) => host },
  ports: { match: stringMatch, read: ({ port }) => (port === undefined ? undefined : String(port)) },
  methods: { match: stringMatch, read: ({ method }) => method },
  paths: { match: pathMatch, read: ({ path }) => path },
};

/** rule = OR(from) AND OR(to) AND AND(when); an absent part holds. Throws `CONFIG_INVALID` for what is not evaluated here. */
export function compileRule(rule: Fields): RequestTest {
  only(rule, ['from', 'to', 'when']);
  const from = anyOf(rule.from, 'source', SOURCE);
  const to = anyOf(rule.to, 'operation', OPERATION);
  const when = optionalList(rule.when).map(compileCondition);
  return (request) => from(request) && to(request) && when.every((test) => test(request));
}

function anyOf(value: unknown, member: string, fields: Readonly<Record<string, Field>>): RequestTest {
  if (value === undefined) return () => true;
  const tests = optionalList(value).map((one) => {
    only(record(one), [member]);
    return allFields(record(record(one)[member]), fields);
  });
  if (tests.length === 0) throw refused('an empty list');
  return (request) => tests.some((test) => test(request));
}

function allFields(given: Fields, fields: Readonly<Record<string, Field>>): RequestTest {
  const names = Object.keys(given);
  if (names.length === 0) throw refused('an empty source or operation');
  const tests = Object.entries(fields).flatMap(([name, field]) => {
    const negated = `not${name[0]?.toUpperCase()}${name.slice(1)}`;
    if (given[name] === undefined && given[negated] === undefined) return [];
    const match = listMatch(optionalStrings(given[name]), optionalStrings(given[negated]), field.match);
    return [(request: ReachRequest) => match(field.read(request))];
  });
  only(
    given,
    Object.keys(fields).flatMap((name) => [name, `not${name[0]?.toUpperCase()}${name.slice(1)}`]),
  );
  return (request) => tests.every((test) => test(request));
}

/** `when` conditions; a key that is not known refuses the policy, where Istio would skip the rule and let a DENY fail open. */
function compileCondition(value: unknown): RequestTest {
  const condition = record(value);
  only(condition, ['key', 'values', 'notValues']);
  const field = conditionField(condition.key);
  const match = listMatch(optionalStrings(condition.values), optionalStrings(condition.notValues), field.match);
  return (request) => match(field.read(request));
}

function conditionField(key: unknown): Field {
  const header =
    typeof key === 'string' ? /^request\.headers\[([A-Za-z0-9-]+)\]$/.exec(key)?.[1]?.toLowerCase() : undefined;
  if (header !== undefined) {
    // `*` is presence for headers: an empty value is present.
    const match = (pattern: string): Matcher =>
      pattern === '*' ? (value) => value !== undefined : stringMatch(pattern);
    return { match, read: ({ headers }) => (Object.hasOwn(headers, header) ? headers[header] : undefined) };
  }
  if (key === 'source.principal') return { match: principalMatch, read: ({ principal }) => principal };
  if (key === 'source.namespace') return { match: namespaceMatch, read: ({ principal }) => principal };
  if (key === 'request.auth.principal') return { match: stringMatch, read: requestPrincipal };
  throw refused('a condition key that is not evaluated here');
}

function only(fields: Fields, known: readonly string[]): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined) throw refused(`the field ${unknown}`);
}

function record(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refused('a value where an object should be');
  return { ...value };
}

function optionalList(value: unknown): readonly Fields[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw refused('a value where a list should be');
  return value.map(record);
}

function optionalStrings(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
    throw refused('a value where a list of strings should be');
  return value;
}

function refused(what: string): Fault {
  return new Fault('CONFIG_INVALID', `the AuthorizationPolicy has ${what}`);
}
