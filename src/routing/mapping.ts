import { isHopByHop, normalName } from '#http';
import { compileHeaderTemplate, type HeaderTemplate } from './header-template.ts';
import { isRecord, SpecReader } from './spec-reader.ts';

/** A `Mapping` of Ambassador, read. */
export interface Route {
  /** `namespace/name`, as receipts name it. */
  readonly name: string;
  readonly hostname: string;
  readonly prefix: string;
  readonly exact: boolean;
  readonly caseSensitive: boolean;
  readonly method?: string;
  /** Lower-case names and exact values. */
  readonly headers: readonly (readonly [string, string])[];
  readonly precedence: number;
  /** `<service>.<namespace>` in the registry. */
  readonly service: string;
  /** What takes the place of the prefix; undefined leaves the path alone. */
  readonly rewrite?: string;
  readonly hostRewrite?: string;
  readonly timeoutMillis: number;
  readonly bypassAuth: boolean;
  readonly jwt?: JwtDemand;
  readonly addRequestHeaders: readonly (readonly [string, string])[];
  readonly removeRequestHeaders: ReadonlySet<string>;
  readonly addResponseHeaders: readonly (readonly [string, string])[];
  readonly removeResponseHeaders: ReadonlySet<string>;
}

/** Hauberk's extension of Mapping: which token goes on, and what is told in headers. */
export interface JwtDemand {
  /** An internal JWT in `Authorization`. */
  readonly requireToken: boolean;
  /** Its `aud`; the user's tenant when absent. */
  readonly audience?: string;
  readonly injectRequestHeaders: readonly { readonly name: string; readonly value: HeaderTemplate }[];
}

const SERVICE = /^(?:https:\/\/)?([a-z0-9-]{1,63}\.[a-z0-9-]{1,63})\/?$/;
const HEADER_NAME = /^[A-Za-z0-9-]{1,64}$/;
/** Longer than Ambassador's 3 s: a chain of cold mTLS hops on a laptop that just woke must not break. */
const DEFAULT_TIMEOUT_MILLIS = 15_000;

/** Reads a Mapping document. Throws `CONFIG_INVALID` with every problem, fields that are not supported included. */
export function parseMapping(document: unknown): Route {
  const metadata = Object(Object(document).metadata);
  const name = `${metadata.namespace}/${metadata.name}`;
  const spec = new SpecReader(`Mapping ${name}`, Object(document).spec);
  spec.ignore('ambassador_id', 'docs', 'labels', 'stats_name', 'resolver', 'tls', 'cluster_tag');
  const service = SERVICE.exec(spec.text('service') ?? '')?.[1];
  if (service === undefined) spec.problem('service', 'https://<service>.<namespace> of the registry');
  const prefix = spec.text('prefix') ?? '';
  if (!prefix.startsWith('/')) spec.problem('prefix', 'a path');
  const hostname = (spec.text('hostname') ?? spec.text('host') ?? '*').toLowerCase();
  spec.ignore('host', 'hostname');
  if (!/^(\*|(\*\.)?[a-z0-9.-]+|[a-z0-9.-]+\*)$/.test(hostname))
    spec.problem('hostname', 'a name, *.suffix or prefix*');
  const timeoutMillis = spec.integer('timeout_ms') ?? DEFAULT_TIMEOUT_MILLIS;
  if (timeoutMillis < 1 || timeoutMillis > 3_600_000) spec.problem('timeout_ms', '1 to 3600000');
  const rewrite = spec.text('rewrite') ?? '/';
  const method = spec.text('method');
  const hostRewrite = spec.text('host_rewrite');
  const jwt = readJwt(spec);
  const route: Route = {
    name,
    hostname,
    prefix,
    exact: spec.flag('prefix_exact') ?? false,
    caseSensitive: spec.flag('case_sensitive') ?? true,
    ...(method === undefined ? {} : { method: method.toUpperCase() }),
    headers: readValues(spec, 'headers'),
    precedence: spec.integer('precedence') ?? 0,
    service: service ?? '',
    ...(rewrite === '' ? {} : { rewrite }),
    ...(hostRewrite === undefined ? {} : { hostRewrite }),
    timeoutMillis,
    bypassAuth: spec.flag('bypass_auth') ?? false,
    ...(jwt === undefined ? {} : { jwt }),
    addRequestHeaders: readValues(spec, 'add_request_headers'),
    removeRequestHeaders: new Set((spec.texts('remove_request_headers') ?? []).map((one) => one.toLowerCase())),
    addResponseHeaders: readValues(spec, 'add_response_headers'),
    removeResponseHeaders: new Set((spec.texts('remove_response_headers') ?? []).map((one) => one.toLowerCase())),
  };
  if (route.bypassAuth && jwt !== undefined)
    spec.problem('bypass_auth', 'no jwt beside it: there is no user to tell of');
  spec.done();
  return route;
}

/** Names that the routes inject, in normal form: no client may send them on any route. */
export function injectedNames(routes: readonly Route[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { jwt, addRequestHeaders } of routes) {
    for (const { name } of jwt?.injectRequestHeaders ?? []) names.add(normalName(name));
    for (const [name] of addRequestHeaders) names.add(normalName(name));
  }
  return names;
}

const JWT_FIELDS = ['requireToken', 'audience', 'injectRequestHeaders'];

function readJwt(spec: SpecReader): JwtDemand | undefined {
  const raw = spec.record('jwt');
  if (raw === undefined) return undefined;
  for (const key of Object.keys(raw)) if (!JWT_FIELDS.includes(key)) spec.unknown(`jwt.${key}`, JWT_FIELDS);
  const { requireToken = false, audience, injectRequestHeaders = [] } = raw;
  if (typeof requireToken !== 'boolean') spec.problem('jwt.requireToken', 'true or false');
  if (audience !== undefined && typeof audience !== 'string') spec.problem('jwt.audience', 'text');
  if (!Array.isArray(injectRequestHeaders)) spec.problem('jwt.injectRequestHeaders', 'a list');
  const items: readonly unknown[] = Array.isArray(injectRequestHeaders) ? injectRequestHeaders : [];
  return {
    requireToken: requireToken === true,
    ...(typeof audience === 'string' ? { audience } : {}),
    injectRequestHeaders: items.flatMap((item) => {
      const { name, value } = Object(item);
      if (typeof value === 'string' && isInjectable(name)) return [{ name, value: compile(spec, value) }];
      spec.problem('jwt.injectRequestHeaders', 'name and value, and not a header of HTTP itself or of a token');
      return [];
    }),
  };
}

function compile(spec: SpecReader, source: string): HeaderTemplate {
  try {
    return compileHeaderTemplate(source);
  } catch {
    spec.problem('jwt.injectRequestHeaders', 'a template of the form {{ .token.<claim> }}');
    return () => undefined;
  }
}

function isInjectable(name: unknown): name is string {
  const own = ['host', 'content-length', 'cookie', 'authorization', 'txn-token', 'traceparent', 'x-request-id'];
  return typeof name === 'string' && HEADER_NAME.test(name) && !isHopByHop(name) && !own.includes(name.toLowerCase());
}

/** `name: value` or Ambassador's `name: { value, append }`; ours always replaces. */
function readValues(spec: SpecReader, field: string): readonly (readonly [string, string])[] {
  return Object.entries(spec.record(field) ?? {}).flatMap(([name, raw]) => {
    const value = isRecord(raw) ? raw.value : raw;
    if (typeof value === 'string' && /^[\x20-\x7e]*$/.test(value) && isInjectable(name))
      return [[name.toLowerCase(), value] as const];
    spec.problem(`${field}.${name}`, 'a header value');
    return [];
  });
}
