import { Fault } from '#kernel';
import type { ReachRequest } from './decision.ts';
import { namespaceMatch, principalMatch, serviceAccountMatch, trustDomainMatch } from './peer-match.ts';
import { requestPrincipalMatch } from './request-principal-match.ts';
import { listMatch, type Matcher, pathMatch, stringMatch } from './string-match.ts';

export type RequestTest = (request: ReachRequest) => boolean;

type Fields = Readonly<Record<string, unknown>>;

/** Turns a field's values and its `not…` values into one test of the request. Throws `CONFIG_INVALID`. */
type Field = (
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
  namespace: string,
) => RequestTest;

function field<T>(
  match: (pattern: string, namespace: string) => (value: T) => boolean,
  read: (request: ReachRequest) => T,
): Field {
  return (values, notValues, namespace) => {
    const matches = listMatch(values, notValues, (pattern) => match(pattern, namespace));
    return (request) => matches(read(request));
  };
}

const hostMatch = (pattern: string): Matcher => {
  const match = stringMatch(pattern.toLowerCase());
  return (value) => match(value?.toLowerCase());
};

const peer = ({ principal }: ReachRequest): string | undefined => principal;

/** A port that is not told cannot be compared: an unmatched DENY would be open. */
const port = (request: ReachRequest): string => {
  if (request.port === undefined) throw new Fault('POLICY_ERROR', 'the port is not known here');
  return String(request.port);
};

const PRINCIPAL = field(principalMatch, peer);
const NAMESPACE = field(namespaceMatch, peer);
const TRUST_DOMAIN = field(trustDomainMatch, peer);
const SERVICE_ACCOUNT = field(serviceAccountMatch, peer);
const REQUEST_PRINCIPAL = field(requestPrincipalMatch, ({ requestPrincipal }) => requestPrincipal);
const PORT = field(stringMatch, port);

type FieldTable = Readonly<Record<string, Field>>;

/** `source` fields; each has a `not…` twin. `ipBlocks` and `remoteIpBlocks` are not evaluated, so a policy with them is refused. */
const SOURCE: FieldTable = {
  principals: PRINCIPAL,
  requestPrincipals: REQUEST_PRINCIPAL,
  namespaces: NAMESPACE,
  serviceAccounts: SERVICE_ACCOUNT,
  trustDomains: TRUST_DOMAIN,
};

const OPERATION: FieldTable = {
  hosts: field(hostMatch, ({ host }) => host),
  ports: PORT,
  methods: field(stringMatch, ({ method }) => method),
  paths: field(pathMatch, ({ path }) => path),
};

const CONDITIONS: FieldTable = {
  'source.principal': PRINCIPAL,
  'source.namespace': NAMESPACE,
  'source.serviceAccount': SERVICE_ACCOUNT,
  'source.trustDomain': TRUST_DOMAIN,
  'request.auth.principal': REQUEST_PRINCIPAL,
  'destination.port': PORT,
};

/**
 * rule = OR(from) AND OR(to) AND AND(when); an absent part holds. `namespace` is the policy's own. Throws `CONFIG_INVALID` for what is not evaluated
 * here and for what Istio's validation refuses.
 */
export function compileRule(rule: unknown, namespace: string): RequestTest {
  const fields = record(rule);
  only(fields, ['from', 'to', 'when']);
  const from = anyOf(fields.from, 'source', SOURCE, namespace);
  const to = anyOf(fields.to, 'operation', OPERATION, namespace);
  const when = optionalList(fields.when).map((condition) => compileCondition(condition, namespace));
  return (request) => from(request) && to(request) && when.every((test) => test(request));
}

function anyOf(value: unknown, member: string, table: FieldTable, namespace: string): RequestTest {
  if (value === undefined) return () => true;
  const tests = optionalList(value).map((one) => {
    only(one, [member]);
    return allFields(record(one[member]), table, namespace);
  });
  if (tests.length === 0) throw refused('an empty list');
  return (request) => tests.some((test) => test(request));
}

function allFields(given: Fields, table: FieldTable, namespace: string): RequestTest {
  if (Object.keys(given).length === 0) throw refused('an empty source or operation');
  only(
    given,
    Object.keys(table).flatMap((name) => [name, negated(name)]),
  );
  if (given.serviceAccounts !== undefined && (given.principals ?? given.namespaces) !== undefined)
    throw refused('service accounts beside principals or namespaces');
  const tests = Object.entries(table).flatMap(([name, compile]) => {
    const [values, notValues] = [optionalStrings(given[name]), optionalStrings(given[negated(name)])];
    return values === undefined && notValues === undefined ? [] : [compile(values, notValues, namespace)];
  });
  return (request) => tests.every((test) => test(request));
}

function negated(name: string): string {
  return `not${name[0]?.toUpperCase()}${name.slice(1)}`;
}

/** `when` conditions; a key that is not known refuses the policy, where Istio would skip the rule and let a DENY fail open. */
function compileCondition(condition: Fields, namespace: string): RequestTest {
  only(condition, ['key', 'values', 'notValues']);
  const [values, notValues] = [optionalStrings(condition.values), optionalStrings(condition.notValues)];
  if (values === undefined && notValues === undefined) throw refused('a condition without values');
  return findCondition(condition.key)(values, notValues, namespace);
}

function findCondition(key: unknown): Field {
  if (typeof key !== 'string') throw refused('a condition without a key');
  const header = /^request\.headers\[([A-Za-z0-9-]+)\]$/.exec(key)?.[1]?.toLowerCase();
  if (header !== undefined)
    return field(headerMatch, ({ headers }) => (Object.hasOwn(headers, header) ? headers[header] : undefined));
  const known = Object.hasOwn(CONDITIONS, key) ? CONDITIONS[key] : undefined;
  if (known === undefined) throw refused('a condition key that is not evaluated here');
  return known;
}

/** `*` is presence for headers: an empty value is present. */
function headerMatch(pattern: string): Matcher {
  return pattern === '*' ? (value) => value !== undefined : stringMatch(pattern);
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

/** An empty list would match nothing, and a DENY with it would be open. */
function optionalStrings(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0 || !value.every((one) => typeof one === 'string' && one !== ''))
    throw refused('a value where a list of texts should be');
  return value;
}

function refused(what: string): Fault {
  return new Fault('CONFIG_INVALID', `the AuthorizationPolicy has ${what}`);
}
