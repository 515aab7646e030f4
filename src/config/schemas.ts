import { z } from 'zod';
import {
  absolutePath,
  dnsName,
  duration,
  httpsUrl,
  instant,
  label,
  objectName,
  port,
  relativePath,
  selector,
  serviceName,
  spiffeId,
  text,
  trustDomain,
} from './scalars.ts';

const HAUBERK = z.literal('hauberk.dev/v1');
const owner = { owner: text.optional() };
const tokenKind = z.enum(['txn-token', 'internal-jwt']);

const place = { host: text.default('127.0.0.1'), port: z.int().min(0).max(65_535) };
const certificate = { certificateFile: absolutePath, keyFile: absolutePath };
const bundleEndpoint = z.strictObject({
  ...place,
  profile: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('https_spiffe') }),
      z.strictObject({ type: z.literal('https_web'), ...certificate }),
    ])
    .prefault({ type: 'https_spiffe' }),
});
const oidcDiscovery = z
  .strictObject({
    ...place,
    certificateFile: absolutePath.optional(),
    keyFile: absolutePath.optional(),
    domains: z.array(dnsName).min(1).optional(),
  })
  .refine(
    ({ certificateFile, keyFile }) => (certificateFile === undefined) === (keyFile === undefined),
    'certificateFile and keyFile, both or neither',
  )
  .refine(
    ({ certificateFile, host }) => certificateFile !== undefined || /^(127\.|::1$|localhost$)/.test(host),
    'a certificateFile, or a loopback host behind a proxy that ends TLS',
  );

export const trustDomainSchema = z.strictObject({
  apiVersion: HAUBERK,
  kind: z.literal('TrustDomain'),
  metadata: z.strictObject({ name: trustDomain, ...owner }),
  spec: z.strictObject({
    userPath: z
      .string()
      .refine((path) => /^\/([A-Za-z0-9._-]+\/)+$/.test(path), 'a path such as /user/')
      .default('/user/'),
    caLifetime: duration.optional(),
    x509SvidLifetime: duration.optional(),
    federatesWith: z.array(trustDomain).default([]),
    namespaces: z.array(label).default([]),
    minters: z.array(z.strictObject({ spiffeId, kinds: z.array(tokenKind).min(1), maxLifetime: duration })).default([]),
    jwtIssuer: httpsUrl.optional(),
    bundleEndpoint: bundleEndpoint.optional(),
    /** Serves what `jwtIssuer` names. */
    oidcDiscovery: oidcDiscovery.optional(),
    spireApi: z.strictObject(place).optional(),
  }),
});

export const entrySchema = z.strictObject({
  apiVersion: HAUBERK,
  kind: z.literal('Entry'),
  metadata: z.strictObject({ name: objectName, trustDomain, ...owner }),
  spec: z.strictObject({
    spiffeId,
    parentId: spiffeId,
    selectors: z.array(selector).min(1),
    x509SvidLifetime: duration.optional(),
    jwtSvidLifetime: duration.optional(),
    dnsNames: z.array(dnsName).optional(),
    federatesWith: z.array(trustDomain).optional(),
    hint: text.optional(),
    priority: z.int().min(-1_000_000).max(1_000_000).optional(),
    admin: z.boolean().optional(),
    downstream: z.boolean().optional(),
    storeSvid: z.boolean().optional(),
    jwtSvidJti: z.boolean().optional(),
    disableX509SvidPrefetch: z.boolean().optional(),
    expiresAt: instant.optional(),
  }),
});

export const federationSchema = z.strictObject({
  apiVersion: HAUBERK,
  kind: z.literal('Federation'),
  metadata: z.strictObject({ name: trustDomain, trustDomain, ...owner }),
  spec: z.strictObject({
    bundleEndpointUrl: httpsUrl,
    bundleEndpointProfile: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('https_web') }),
      z.strictObject({ type: z.literal('https_spiffe'), endpointSpiffeId: spiffeId }),
    ]),
    allow: z
      .strictObject({
        ids: z.array(text).optional(),
        actions: z.array(text).optional(),
        tenants: z.array(text).optional(),
      })
      .optional(),
  }),
});

export const serviceSchema = z.strictObject({
  apiVersion: HAUBERK,
  kind: z.literal('Service'),
  metadata: z.strictObject({ name: label, namespace: label, trustDomain, ...owner }),
  spec: z.strictObject({
    spiffeId,
    protocol: z.enum(['http', 'postgres', 'tcp']),
    labels: z.record(z.string(), z.string()).default({}),
    endpoints: z.array(z.strictObject({ host: text, port })).min(1),
  }),
});

export const cedarPolicySchema = z.strictObject({
  apiVersion: HAUBERK,
  kind: z.literal('CedarPolicy'),
  metadata: z.strictObject({ name: objectName, trustDomain: trustDomain.optional(), ...owner }),
  spec: z.strictObject({ text }),
});

export const edgeSchema = z.strictObject({
  apiVersion: HAUBERK,
  kind: z.literal('Edge'),
  metadata: z.strictObject({ name: label, namespace: label, ...owner }),
  spec: z.strictObject({
    oidc: z.strictObject({
      issuer: text,
      clientId: text,
      clientSecretFile: text,
      scopes: z.array(text).default(['openid']),
    }),
    session: z.strictObject({ lifetime: duration, idle: duration.optional() }),
    identities: z
      .array(
        z.strictObject({
          when: z.strictObject({ claim: text, equals: z.string() }),
          spiffeId: text,
          tenant: trustDomain,
        }),
      )
      .min(1),
    tokens: z.strictObject({
      txnToken: z.strictObject({ lifetime: duration }),
      internalJwt: z.strictObject({ lifetime: duration }).optional(),
    }),
    pages: text.optional(),
  }),
});

export const gateSchema = z.strictObject({
  apiVersion: HAUBERK,
  kind: z.literal('Gate'),
  metadata: z.strictObject({ name: label, namespace: label, ...owner }),
  spec: z.strictObject({
    database: text,
    credentialLifetime: duration,
    roles: z
      .array(
        z.strictObject({
          spiffeId,
          role: z.string().refine((name) => /^[a-z_][a-z0-9_]{0,62}$/.test(name), 'a database role: a-z 0-9 _'),
        }),
      )
      .min(1),
  }),
});

const listener = z.union([z.literal('auto'), z.int().min(1).max(65_535)]);
const documents = z.union([relativePath, z.array(relativePath)]);

const process = z.strictObject({
  name: label,
  module: relativePath,
  service: serviceName.optional(),
  http: listener.optional(),
  host: dnsName.optional(),
  secrets: z.record(z.string(), label).default({}),
});

/** What `hauberk up --check` adds: the module that plays the story, and documents and processes that only it needs. */
const check = z.strictObject({
  module: relativePath,
  documents: z.array(relativePath).default([]),
  processes: z.array(process).default([]),
});

export const environmentSchema = z.strictObject({
  apiVersion: HAUBERK,
  kind: z.literal('Environment'),
  metadata: z.strictObject({ name: label, ...owner }),
  spec: z.strictObject({
    documents: z.array(relativePath).min(1),
    node: label.default('local'),
    secrets: z.record(label, z.strictObject({})).default({}),
    postgres: z.strictObject({ database: label, schema: relativePath.optional() }).optional(),
    edge: z
      .strictObject({
        service: serviceName,
        hosts: z.array(dnsName).min(1),
        http: listener.default('auto'),
        https: listener.default('auto'),
        documents,
      })
      .optional(),
    gate: z.strictObject({ service: serviceName, documents }).optional(),
    processes: z.array(process).default([]),
    users: z.array(z.strictObject({ name: text, password: label, try: text.optional() })).default([]),
    check: check.optional(),
  }),
});

/** Istio and Ambassador documents keep their own shape: their rooms (`#policy`, `#routing`) read the `spec`. */
const foreignMetadata = z.looseObject({
  name: objectName,
  namespace: label,
  annotations: z.record(z.string(), z.string()).optional(),
});

export const authorizationPolicySchema = z.looseObject({
  apiVersion: z.enum(['security.istio.io/v1', 'security.istio.io/v1beta1']),
  kind: z.literal('AuthorizationPolicy'),
  metadata: foreignMetadata,
  spec: z.record(z.string(), z.unknown()).default({}),
});

const AMBASSADOR = z.enum(['getambassador.io/v3alpha1', 'getambassador.io/v2']);

export const mappingSchema = z.looseObject({
  apiVersion: AMBASSADOR,
  kind: z.literal('Mapping'),
  metadata: foreignMetadata,
  spec: z.looseObject({ prefix: text, service: text }),
});

export const authServiceSchema = z.looseObject({
  apiVersion: AMBASSADOR,
  kind: z.literal('AuthService'),
  metadata: foreignMetadata,
  spec: z.looseObject({ auth_service: text }),
});
