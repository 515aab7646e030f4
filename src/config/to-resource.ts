import { Fault } from '#kernel';
import type {
  AuthorizationPolicyResource,
  EntryResource,
  FederationResource,
  OidcDiscoveryPlace,
  ServiceResource,
  TrustDomainResource,
} from '#wire';
import type {
  AuthorizationPolicyDocument,
  Document,
  EntryDocument,
  FederationDocument,
  ServiceDocument,
  TrustDomainDocument,
} from './document.ts';
import { given } from './given.ts';

/** Lifetimes where a TrustDomain document names none. */
const DEFAULT_CA_SECONDS = 24 * 3600;
const DEFAULT_X509_SVID_SECONDS = 3600;

/** A document of the registry as the wire carries it. Cedar's text is compiled by the server. */
export type Converted =
  | {
      readonly kind: 'TrustDomain';
      readonly trustDomain: string;
      readonly key: string;
      readonly body: TrustDomainResource;
    }
  | { readonly kind: 'Entry'; readonly trustDomain: string; readonly key: string; readonly body: EntryResource }
  | {
      readonly kind: 'Federation';
      readonly trustDomain: string;
      readonly key: string;
      readonly body: FederationResource;
    }
  | { readonly kind: 'Service'; readonly trustDomain: string; readonly key: string; readonly body: ServiceResource }
  /** The trust domain is the one that lists `metadata.namespace`. */
  | {
      readonly kind: 'AuthorizationPolicy';
      readonly namespace: string;
      readonly key: string;
      readonly body: AuthorizationPolicyResource;
    }
  /** Without a trust domain: every trust domain of the server. */
  | {
      readonly kind: 'CedarPolicy';
      readonly trustDomain?: string;
      readonly key: string;
      readonly body: { readonly name: string; readonly text: string };
    };

/** Throws `ARGUMENT_INVALID` for kinds that are not the registry's (Environment, Edge, Gate, Mapping, AuthService). */
export function toResource(document: Document): Converted {
  switch (document.kind) {
    case 'TrustDomain':
      return trustDomain(document);
    case 'Entry':
      return entry(document);
    case 'Federation':
      return federation(document);
    case 'Service':
      return service(document);
    case 'AuthorizationPolicy':
      return authorizationPolicy(document);
    case 'CedarPolicy': {
      const { name, trustDomain: owner } = document.metadata;
      const body = { name, text: document.spec.text };
      return { kind: 'CedarPolicy', ...(owner === undefined ? {} : { trustDomain: owner }), key: name, body };
    }
    default:
      throw new Fault('ARGUMENT_INVALID', `one of kind ${document.kind}, which "hauberk up" reads from its own files`);
  }
}

function trustDomain({ metadata, spec }: TrustDomainDocument): Converted {
  const body: TrustDomainResource = {
    name: metadata.name,
    userPath: spec.userPath,
    caTtlSeconds: spec.caLifetime ?? DEFAULT_CA_SECONDS,
    x509SvidTtlSeconds: spec.x509SvidLifetime ?? DEFAULT_X509_SVID_SECONDS,
    federatesWith: spec.federatesWith,
    namespaces: spec.namespaces,
    minters: spec.minters.map(({ spiffeId, kinds, maxLifetime }) => ({
      spiffeId,
      kinds,
      maxLifetimeSeconds: maxLifetime,
    })),
    ...given({
      jwtIssuer: spec.jwtIssuer,
      bundleEndpoint: spec.bundleEndpoint,
      oidcDiscovery: spec.oidcDiscovery === undefined ? undefined : discovery(spec.oidcDiscovery),
      spireApi: spec.spireApi,
    }),
  };
  return { kind: 'TrustDomain', trustDomain: metadata.name, key: metadata.name, body };
}

type Discovery = NonNullable<TrustDomainDocument['spec']['oidcDiscovery']>;

function discovery({ host, port, certificateFile, keyFile, domains }: Discovery): OidcDiscoveryPlace {
  return { host, port, ...given({ certificateFile, keyFile, domains }) };
}

function entry({ metadata, spec }: EntryDocument): Converted {
  const { spiffeId, parentId, selectors } = spec;
  const body: EntryResource = {
    id: metadata.name,
    spiffeId,
    parentId,
    selectors,
    ...given({
      x509SvidTtlSeconds: spec.x509SvidLifetime,
      jwtSvidTtlSeconds: spec.jwtSvidLifetime,
      dnsNames: spec.dnsNames,
      federatesWith: spec.federatesWith,
      hint: spec.hint,
      priority: spec.priority,
      admin: spec.admin || undefined,
      downstream: spec.downstream || undefined,
      storeSvid: spec.storeSvid || undefined,
      jwtSvidJti: spec.jwtSvidJti || undefined,
      disableX509SvidPrefetch: spec.disableX509SvidPrefetch || undefined,
      expiresAt: spec.expiresAt,
      owner: metadata.owner,
    }),
  };
  return { kind: 'Entry', trustDomain: metadata.trustDomain, key: metadata.name, body };
}

function federation({ metadata, spec }: FederationDocument): Converted {
  const { bundleEndpointUrl, bundleEndpointProfile, allow } = spec;
  const body: FederationResource = {
    trustDomain: metadata.name,
    bundleEndpointUrl,
    bundleEndpointProfile,
    ...given({ allow: allow === undefined ? undefined : given(allow), owner: metadata.owner }),
  };
  return { kind: 'Federation', trustDomain: metadata.trustDomain, key: metadata.name, body };
}

function service({ metadata, spec }: ServiceDocument): Converted {
  const key = `${metadata.namespace}/${metadata.name}`;
  const endpoints = spec.endpoints.map(({ host, port }) => {
    if (port === 'auto')
      throw new Fault('ARGUMENT_INVALID', `the Service ${key} with port "auto", which "hauberk up" alone fills in`);
    return { host, port };
  });
  const { spiffeId, protocol, labels } = spec;
  const body = {
    name: metadata.name,
    namespace: metadata.namespace,
    trustDomain: metadata.trustDomain,
    spiffeId,
    labels,
    protocol,
    endpoints,
  };
  return { kind: 'Service', trustDomain: metadata.trustDomain, key, body };
}

function authorizationPolicy({ metadata, spec }: AuthorizationPolicyDocument): Converted {
  const { name, namespace, annotations } = metadata;
  const body = { metadata: { name, namespace, ...(annotations === undefined ? {} : { annotations }) }, spec };
  return { kind: 'AuthorizationPolicy', namespace, key: `${namespace}/${name}`, body };
}
