import type { SequenceText } from './sequence.ts';

/**
 * The bodies of `Resource.body_json`: what travels from the registry through server and agent to the enforcement points.
 * Senders are trusted by mTLS or by the socket, and each receiver still parses ids before it uses them.
 */
export const RESOURCE_KINDS = [
  'TrustDomain',
  'Entry',
  'Bundle',
  'Federation',
  'Service',
  'Minter',
  'AuthorizationPolicy',
  'CedarPolicy',
  'Revocation',
] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

/** key: the trust domain's own name. */
export interface TrustDomainResource {
  readonly name: string;
  /** Path prefix reserved for users, such as `/user/`. */
  readonly userPath: string;
  readonly caTtlSeconds: number;
  readonly x509SvidTtlSeconds: number;
  /** Trust domains whose bundles the workloads of this one may use. */
  readonly federatesWith: readonly string[];
  /** Kubernetes-style namespaces whose Istio and Ambassador documents belong to this trust domain. */
  readonly namespaces: readonly string[];
  /** Who may register as minter here, and for what. */
  readonly minters: readonly MinterGrant[];
  /** `iss` of its JWT-SVIDs, an https address; absent: they have none. */
  readonly jwtIssuer?: string;
  /** Where its bundle is served to other trust domains; absent: nowhere. */
  readonly bundleEndpoint?: BundleEndpointPlace;
  /** Where OpenID Connect discovery for its JWT-SVIDs is served; absent: nowhere. */
  readonly oidcDiscovery?: OidcDiscoveryPlace;
  /** Where its server serves SPIRE's API over TLS; absent: nowhere. */
  readonly spireApi?: { readonly host: string; readonly port: number };
}

export interface BundleEndpointPlace {
  readonly host: string;
  readonly port: number;
  /** With the server's own X509-SVID, or with a certificate of the web's from files on the server's machine. */
  readonly profile:
    | { readonly type: 'https_spiffe' }
    | { readonly type: 'https_web'; readonly certificateFile: string; readonly keyFile: string };
}

export interface OidcDiscoveryPlace {
  readonly host: string;
  readonly port: number;
  /** Files on the server's machine; absent: plain HTTP behind a proxy that ends TLS. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** Host names that are answered; absent: that of the issuer. */
  readonly domains?: readonly string[];
}

export interface MinterGrant {
  readonly spiffeId: string;
  readonly kinds: readonly TokenKind[];
  readonly maxLifetimeSeconds: number;
}

export type TokenKind = 'txn-token' | 'internal-jwt';

/** What documents make. */
interface AppliedResource {
  /** The set of documents that it was applied with. */
  readonly appliedSet?: string;
}

/** key: id. Flags are present only when they hold. */
export interface EntryResource extends AppliedResource {
  readonly id: string;
  readonly spiffeId: string;
  /**
   * Agent id, the alias that a join token carries (such as `spiffe://bank-a/node/local`), or another entry's id. An entry under
   * `spiffe://<trust domain>/spire/server` is a node entry: its selectors are a node's, and its id is an alias of every agent that has them.
   */
  readonly parentId: string;
  /** `type:value`, all of which must be seen. */
  readonly selectors: readonly string[];
  readonly x509SvidTtlSeconds?: number;
  readonly jwtSvidTtlSeconds?: number;
  readonly dnsNames?: readonly string[];
  readonly federatesWith?: readonly string[];
  readonly hint?: string;
  /** Decides the default identity of a workload that has several: the highest first, 0 where none is said. */
  readonly priority?: number;
  /** Its identity may call the server's administrative methods. */
  readonly admin?: true;
  /** Its identity may ask for an intermediate CA. */
  readonly downstream?: true;
  /** For a secret store; never given to a workload that asks. */
  readonly storeSvid?: true;
  /** Its JWT-SVIDs carry a `jti`, and so none is given twice. */
  readonly jwtSvidJti?: true;
  /** Issued when first asked for, not ahead of it. */
  readonly disableX509SvidPrefetch?: true;
  /** Unix seconds; from then on the entry does not exist. */
  readonly expiresAt?: number;
  /** Unix seconds; set by the registry when the entry is made and kept over its changes. */
  readonly createdAt?: number;
  readonly owner?: string;
}

/** key: the other trust domain's name. How its bundle is fetched, and what its identities may do here. */
export interface FederationResource extends AppliedResource {
  readonly trustDomain: string;
  readonly bundleEndpointUrl: string;
  readonly bundleEndpointProfile: BundleEndpointProfile;
  /** Absent: federation gives the bundle and policy decides alone. */
  readonly allow?: FederationAllowance;
  readonly owner?: string;
}

export type BundleEndpointProfile =
  | { readonly type: 'https_web' }
  | { readonly type: 'https_spiffe'; readonly endpointSpiffeId: string };

/** Each list that is present must match; an id is exact, or a prefix that ends with `/*`. */
export interface FederationAllowance {
  readonly ids?: readonly string[];
  readonly actions?: readonly string[];
  readonly tenants?: readonly string[];
}

/** key: trust domain name: the own one's, or another one's that was fetched or set by hand. */
export interface BundleResource {
  readonly trustDomain: string;
  /** Standard base64 of DER CA certificates. */
  readonly x509Authorities: readonly string[];
  /** Hexadecimal subject key ids: what these authorities signed still verifies, and is to be replaced. */
  readonly taintedX509Authorities?: readonly string[];
  /** Absent: none. */
  readonly jwtAuthorities?: readonly BundleKey[];
  readonly witAuthorities?: readonly BundleKey[];
  readonly sequence: SequenceText;
  readonly refreshHintSeconds: number;
}

export interface BundleKey {
  readonly kid: string;
  /** Standard base64 of SubjectPublicKeyInfo. */
  readonly publicKey: string;
  /** Unix seconds; absent where it is not known. */
  readonly notAfter?: number;
  readonly tainted?: boolean;
}

/** key: `<namespace>/<name>`. */
export interface ServiceResource {
  readonly name: string;
  readonly namespace: string;
  readonly trustDomain: string;
  /** Who a client must find there. */
  readonly spiffeId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly protocol: 'http' | 'postgres' | 'tcp';
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** key: kid. */
export interface MinterResource {
  readonly kid: string;
  /** The trust domain whose tokens it signs; their `aud` is this name. */
  readonly trustDomain: string;
  /** The workload that holds the private key. */
  readonly spiffeId: string;
  /** `iss` of its tokens: the holder's SPIFFE ID. */
  readonly issuer: string;
  readonly kinds: readonly TokenKind[];
  readonly publicJwk: Readonly<Record<string, unknown>>;
  /** Unix seconds. */
  readonly notAfter: number;
  readonly maxLifetimeSeconds: number;
}

/** key: `<namespace>/<name>`. An Istio `AuthorizationPolicy`, as written. */
export interface AuthorizationPolicyResource {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** key: name. Policies in Cedar's JSON form ("EST"), parsed and validated by the server with Cedar itself. */
export interface CedarPolicyResource {
  readonly name: string;
  /** Policy id → EST. */
  readonly policies: Readonly<Record<string, unknown>>;
  /** As written, for people. */
  readonly text: string;
}

/** key: `<kind>:<value>`. Tokens minted before `revokedAt` are refused. */
export interface RevocationResource {
  readonly kind: RevocationKind;
  readonly value: string;
  /** Unix seconds. */
  readonly revokedAt: number;
  readonly reason?: string;
  /** Unix seconds; soon after, the server takes the revocation away. Absent: an operator does. */
  readonly expiresAt?: number;
}

/** `minter`: a key id, or the SPIFFE ID of the minter. */
export const REVOCATION_KINDS = ['user', 'session', 'workload', 'minter', 'txn'] as const;
export type RevocationKind = (typeof REVOCATION_KINDS)[number];

/** Under which key a revocation is found. */
export function revocationKey({ kind, value }: Pick<RevocationResource, 'kind' | 'value'>): string {
  return `${kind}:${value}`;
}
