import { Fault } from '#kernel';
import { SpecReader } from './spec-reader.ts';

/** Who says that a request is authenticated: the edge itself, or a service that is asked over HTTP. */
export type AuthService = { readonly kind: 'hauberk' } | ({ readonly kind: 'external' } & ExternalAuth);

export interface ExternalAuth {
  readonly name: string;
  /** Where it is asked, without path. */
  readonly origin: string;
  readonly pathPrefix: string;
  readonly timeoutMillis: number;
  /** Lower-case names of the client's header that it is told. */
  readonly requestHeaders: ReadonlySet<string>;
  /** Lower-case names of its answer's header that go on. */
  readonly authorizationHeaders: ReadonlySet<string>;
  readonly addHeaders: readonly (readonly [string, string])[];
  readonly statusOnError: number;
}

const ALWAYS_ASKED = ['authorization', 'cookie', 'from', 'proxy-authorization', 'user-agent'];
const ALWAYS_FORWARDED = ['forwarded-host', 'forwarded-proto', 'forwarded-for'].map((name) => `x-${name}`);
const ALWAYS_ANSWERED = ['authorization', 'location', 'proxy-authenticate', 'set-cookie', 'www-authenticate'];

/** Reads an AuthService document; the edge's own is called `hauberk`. Failing open is refused. Throws `CONFIG_INVALID`. */
export function parseAuthService(document: unknown): AuthService {
  const metadata = Object(Object(document).metadata);
  const name = `${metadata.namespace}/${metadata.name}`;
  const spec = new SpecReader(`AuthService ${name}`, Object(document).spec);
  spec.ignore('ambassador_id', 'stats_name', 'protocol_version', 'add_linkerd_headers');
  const address = spec.text('auth_service') ?? '';
  if ((spec.text('proto') ?? 'http') !== 'http') spec.problem('proto', 'http');
  const timeoutMillis = spec.integer('timeout_ms') ?? 5000;
  if (timeoutMillis < 1 || timeoutMillis > 60_000) spec.problem('timeout_ms', '1 to 60000');
  const requestHeaders = lower([
    ...ALWAYS_ASKED,
    ...ALWAYS_FORWARDED,
    ...(spec.texts('allowed_request_headers') ?? []),
  ]);
  const authorizationHeaders = lower([...ALWAYS_ANSWERED, ...(spec.texts('allowed_authorization_headers') ?? [])]);
  const pathPrefix = spec.text('path_prefix') ?? '';
  const addHeaders = Object.entries(spec.record('add_auth_headers') ?? {}).map(
    ([key, value]) => [key, String(value)] as const,
  );
  const statusOnError = spec.record('status_on_error')?.code ?? 403;
  if (typeof statusOnError !== 'number' || statusOnError < 400 || statusOnError > 599)
    spec.problem('status_on_error', 'code: 400 to 599');
  if (spec.flag('failure_mode_allow') === true) spec.problem('failure_mode_allow', 'false: the edge fails closed');
  if (spec.flag('allow_request_body') === true) spec.problem('allow_request_body', 'false');
  const external = address !== 'hauberk';
  const origin = external ? originOf(address) : '';
  if (origin === undefined) spec.problem('auth_service', 'hauberk, or [http[s]://]host[:port]');
  spec.done();
  if (!external) return { kind: 'hauberk' };
  return {
    kind: 'external',
    name,
    origin: origin ?? '',
    pathPrefix: pathPrefix === '' ? '' : `/${pathPrefix.replace(/^\//, '').replace(/\/$/, '')}`,
    timeoutMillis,
    requestHeaders,
    authorizationHeaders,
    addHeaders,
    statusOnError: Number(statusOnError),
  };
}

/** The one AuthService of a set of documents; without any, it is the edge itself. Throws `CONFIG_INVALID` when there are several. */
export function findAuthService(documents: readonly unknown[]): AuthService {
  const services = documents.filter((one) => Object(one).kind === 'AuthService').map(parseAuthService);
  if (services.length > 1) throw new Fault('CONFIG_INVALID', `an edge has one AuthService, not ${services.length}`);
  return services[0] ?? { kind: 'hauberk' };
}

function originOf(address: string): string | undefined {
  const match = /^(https?:\/\/)?([A-Za-z0-9.-]+(?::[0-9]{1,5})?)$/.exec(address);
  return match === null ? undefined : `${match[1] ?? 'http://'}${match[2]}`;
}

function lower(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}
