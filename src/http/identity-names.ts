/** Names that say who someone is, where a request came from, or what some proxy decided: only the edge may say so. Normal form. */
const IDENTITY_NAMES: ReadonlySet<string> = new Set([
  ...['txn-token', 'authorization', 'proxy-authorization', 'x-request-id', 'traceparent', 'tracestate', 'baggage'],
  ...[
    'forwarded',
    'via',
    'x-real-ip',
    'x-client-ip',
    'client-ip',
    'true-client-ip',
    'cf-connecting-ip',
    'x-cluster-client-ip',
  ],
  ...[
    'x-original-url',
    'x-original-uri',
    'x-rewrite-url',
    'x-original-method',
    'x-http-method-override',
    'x-method-override',
  ],
  ...[
    'remote-user',
    'remote-addr',
    'x-email',
    'x-roles',
    'x-role',
    'x-groups',
    'x-permissions',
    'x-scope',
    'x-principal',
    'x-correlation-id',
  ],
]);

/** Whole families of such names. */
const IDENTITY_FAMILIES = [
  ...['x-user', 'x-spiffe', 'x-session', 'x-forwarded', 'x-hauberk', 'hauberk', 'x-tenant', 'x-txn', 'x-envoy', 'x-b3'],
  ...[
    'x-auth',
    'x-authenticated',
    'x-remote',
    'x-ssl',
    'ssl',
    'x-client-cert',
    'x-jwt',
    'x-consumer',
    'x-identity',
    'x-ambassador',
  ],
  ...['x-amzn-oidc', 'x-goog-authenticated', 'x-pomerium', 'x-workload'],
];

/**
 * The form in which names are compared: lower case, and every run of characters that a gateway interface (RFC 3875 §4.1.18) or a
 * careless service would fold into one separator as one hyphen: `X_User_ID`, `x.user-id` and `X-User-Id` are one name.
 */
export function normalName(name: string): string {
  return read(name).normal;
}

/** Whether only the edge may set this name, `injected` being the names that routes inject, in normal form. */
export function isIdentityName(name: string, injected: ReadonlySet<string> = NONE): boolean {
  const { normal, identity } = read(name);
  return identity || injected.has(normal);
}

/** What is known of a name does not change, and the same few names come with every request; strangers' names are not kept without bound. */
const KEPT_NAMES = 1000;
const KEPT_CHARACTERS = 100;
const NONE: ReadonlySet<string> = new Set();
const kept = new Map<string, ReadName>();

interface ReadName {
  readonly normal: string;
  readonly identity: boolean;
}

function read(name: string): ReadName {
  const known = kept.get(name);
  if (known !== undefined) return known;
  const normal = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  const inFamily = IDENTITY_FAMILIES.some((family) => normal === family || normal.startsWith(`${family}-`));
  const fresh: ReadName = { normal, identity: inFamily || IDENTITY_NAMES.has(normal) };
  if (kept.size < KEPT_NAMES && name.length <= KEPT_CHARACTERS) kept.set(name, fresh);
  return fresh;
}
