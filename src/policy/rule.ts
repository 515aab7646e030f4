import { Fault } from '#kernel';
import { claimAt, claimMatch, findClaimPath } from './claim-match.ts';
import type { ReachRequest } from './decision.ts';
import { ipMatch } from './ip-match.ts';
import { namespaceMatch, principalMatch, serviceAccountMatch, trustDomainMatch } from './peer-match.ts';
import { refuse, refused, unknownWord, within } from './refusal.ts';
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

/** So with the address. */
const address = (request: ReachRequest): string => {
  if (request.sourceIp === undefined) throw new Fault('POLICY_ERROR', 'the address of the peer is not known here');
  return request.sourceIp;
};

const PRINCIPAL = field(principalMatch, peer);
const NAMESPACE = field(namespaceMatch, peer);
const TRUST_DOMAIN = field(trustDomainMatch, peer);
const SERVICE_ACCOUNT = field(serviceAccountMatch, peer);
const REQUEST_PRINCIPAL = field(requestPrincipalMatch, ({ requestPrincipal }) => requestPrincipal);
const PORT = field(portMatch, port);
const SOURCE_IP = field(ipMatch, address);

type FieldTable = Readonly<Record<string, Field>>;

/**
 * `source` fields; each has a `not…` twin. `ipBlocks` is the address that the connection comes from. `remoteIpBlocks`, which is told by a header of
 * trusted proxies, is not evaluated: no enforcement point is behind one that it could trust.
 */
const SOURCE: FieldTable = {
  principals: PRINCIPAL,
  requestPrincipals: REQUEST_PRINCIPAL,
  namespaces: NAMESPACE,
  serviceAccounts: SERVICE_ACCOUNT,
  trustDomains: TRUST_DOMAIN,
  ipBlocks: SOURCE_IP,
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
  'source.ip': SOURCE_IP,
  'request.auth.principal': REQUEST_PRINCIPAL,
  'request.auth.audiences': claim(['aud']),
  'request.auth.presenter': claim(['azp']),
  'destination.port': PORT,
};

/**
 * rule = OR(from) AND OR(to) AND AND(when); an absent part holds. `namespace` is the policy's own. Throws `CONFIG_INVALID` for what is not evaluated
 * here and for what Istio's validation refuses.
 */
export function compileRule(rule: unknown, namespace: string): RequestTest {
  const fields = record(rule);
  only(fields, ['from', 'to', 'when']);
  const from = within('.from', () => anyOf(fields.from, 'source', SOURCE, namespace));
  const to = within('.to', () => anyOf(fields.to, 'operation', OPERATION, namespace));
  const when = within('.when', () => each(fields.when, (condition) => compileCondition(condition, namespace)));
  return (request) => from(request) && to(request) && when.every((test) => test(request));
}

function anyOf(value: unknown, member: string, table: FieldTable, namespace: string): RequestTest {
  if (value === undefined) return () => true;
  const tests = each(value, (one) => {
    only(one, [member]);
    return within(`.${member}`, () => allFields(record(one[member]), table, namespace));
  });
  if (tests.length === 0) throw refused('an empty list', 'at least one, or the field left out');
  return (request) => tests.some((test) => test(request));
}

function allFields(given: Fields, table: FieldTable, namespace: string): RequestTest {
  if (Object.keys(given).length === 0) throw refused('an empty source or operation', 'at least one field');
  only(
    given,
    Object.keys(table).flatMap((name) => [name, negated(name)]),
  );
  if (given.serviceAccounts !== undefined && (given.principals ?? given.namespaces) !== undefined)
    throw refused('service accounts beside principals or namespaces', 'one of the two');
  const tests = Object.entries(table).flatMap(([name, compile]) => {
    const not = negated(name);
    const [values, notValues] = [stringsAt(given, name), stringsAt(given, not)];
    if (values === undefined && notValues === undefined) return [];
    return [within(`.${values === undefined ? not : name}`, () => compile(values, notValues, namespace))];
  });
  return (request) => tests.every((test) => test(request));
}

function negated(name: string): string {
  return `not${name[0]?.toUpperCase()}${name.slice(1)}`;
}

/** `when` conditions; a key that is not known refuses the policy, where Istio would skip the rule and let a DENY fail open. */
function compileCondition(condition: Fields, namespace: string): RequestTest {
  only(condition, ['key', 'values', 'notValues']);
  const [values, notValues] = [stringsAt(condition, 'values'), stringsAt(condition, 'notValues')];
  if (values === undefined && notValues === undefined)
    throw refused('a condition without values', 'values or notValues');
  const compile = within('.key', () => findCondition(condition.key));
  return within(values === undefined ? '.notValues' : '.values', () => compile(values, notValues, namespace));
}

function findCondition(key: unknown): Field {
  if (typeof key !== 'string') throw refused('a condition without a key', 'a text');
  const header = /^request\.headers\[([A-Za-z0-9-]+)\]$/.exec(key)?.[1]?.toLowerCase();
  if (header !== undefined)
    return field(headerMatch, ({ headers }) => (Object.hasOwn(headers, header) ? headers[header] : undefined));
  const path = findClaimPath(key);
  if (path !== undefined) return claim(path);
  const known = Object.hasOwn(CONDITIONS, key) ? CONDITIONS[key] : undefined;
  if (known === undefined)
    throw unknownWord(key, [...Object.keys(CONDITIONS), 'request.headers[name]', 'request.auth.claims[name]'], '');
  return known;
}

function claim(path: readonly string[]): Field {
  return field(claimMatch, ({ claims }) => claimAt(claims, path));
}

/** `*` is presence for headers: an empty value is present. */
function headerMatch(pattern: string): Matcher {
  return pattern === '*' ? (value) => value !== undefined : stringMatch(pattern);
}

/** Istio's validation: 0 to 65535, and nothing that would only look like a port. */
function portMatch(pattern: string): Matcher {
  if (!/^(0|[1-9]\d{0,4})$/.test(pattern) || Number(pattern) > 65_535)
    throw refused('a port that is none', 'a port number as text, such as "8443"');
  return stringMatch(pattern);
}

function only(fields: Fields, known: readonly string[]): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownWord(unknown, known);
}

function record(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refused('a value where an object should be', 'a mapping');
  return { ...value };
}

function each<T>(value: unknown, make: (one: Fields) => T): readonly T[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw refused('a value where a list should be', 'a list');
  return value.map((one, index) => within(`[${index}]`, () => make(record(one))));
}

/** An empty list would match nothing, and a DENY with it would be open. */
function stringsAt(fields: Fields, name: string): readonly string[] | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0 || !value.every((one) => typeof one === 'string' && one !== ''))
    throw within(`.${name}`, () => refuse('a value where a list of texts should be', 'a list of at least one text'));
  return value;
}
