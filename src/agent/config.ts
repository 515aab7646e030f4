import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { Fault, parseSettings, readSettingsFile } from '#kernel';
import { isSpiffeId, isTrustDomain } from '#spiffe';
import { isSequenceText, type SequenceText } from '#wire';
import { nodeEvidenceSchema } from './node-evidence.ts';

const bundleSchema = z.looseObject({
  trustDomain: z.string(),
  x509Authorities: z.array(z.string()),
  sequence: z.custom<SequenceText>(isSequenceText, 'a sequence was expected'),
  refreshHintSeconds: z.number(),
});

const trustDomainSchema = z
  .strictObject({
    name: z.string().refine((name): boolean => isTrustDomain(name), 'a trust domain name was expected'),
    joinToken: z.string().min(1).optional(),
    nodeAttestor: nodeEvidenceSchema.optional(),
    bundle: bundleSchema,
  })
  .refine(
    (one) => (one.joinToken === undefined) !== (one.nodeAttestor === undefined),
    'joinToken or nodeAttestor, one of them',
  );

const sdsSchema = z
  .strictObject({
    enabled: z.boolean().default(true),
    defaultSvidName: z.string().min(1).default('default'),
    defaultBundleName: z.string().min(1).default('ROOTCA'),
    defaultAllBundlesName: z.string().min(1).default('ALL'),
    disableSpiffeCertValidation: z.boolean().default(false),
  })
  .prefault({});

const clientCertificateSchema = z.strictObject({ certFile: z.string().min(1), keyFile: z.string().min(1) });
const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

const k8sSchema = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1'),
    port: z.number().int().min(1).max(65535).default(10250),
    caFile: z.string().min(1).default(`${serviceAccount}/ca.crt`),
    skipVerification: z.boolean().default(false),
    serverName: z.string().min(1).optional(),
    tokenFile: z.string().min(1).optional(),
    clientCertificate: clientCertificateSchema.optional(),
  })
  .transform((kubelet) =>
    kubelet.tokenFile === undefined && kubelet.clientCertificate === undefined
      ? { ...kubelet, tokenFile: `${serviceAccount}/token` }
      : kubelet,
  );

/** What is left out is not asked, but for `unix`. */
const attestorsSchema = z
  .strictObject({
    unix: z
      .strictObject({
        discoverWorkloadPath: z.boolean().default(false),
        workloadSizeLimit: z.number().int().default(0),
      })
      .prefault({}),
    docker: z.strictObject({ socketPath: z.string().min(1).default('/var/run/docker.sock') }).optional(),
    k8s: k8sSchema.optional(),
    systemd: z.strictObject({}).optional(),
  })
  .prefault({});

const isUnique = (domains: readonly { readonly name: string }[]): boolean =>
  new Set(domains.map(({ name }) => name)).size === domains.length;

const schema = z.strictObject({
  node: z.string().min(1),
  workloadSocket: z.string().min(1),
  adminSocket: z.string().min(1),
  /** Receipts stand here until the server has confirmed them; absent: in memory only. */
  dataDir: z.string().optional(),
  /** Receipts for which there is no room: `deny` refuses the action that they tell of, `drop` counts and forgets them. */
  whenReceiptsAreFull: z.enum(['deny', 'drop']).default('deny'),
  server: z.strictObject({ host: z.string().min(1), port: z.number().int().min(1).max(65535) }),
  workloadAttestors: attestorsSchema,
  /** Envoy's secret discovery on the workload socket. */
  sds: sdsSchema,
  /** SPIFFE IDs that may ask for other workloads' identities on the admin socket. */
  authorizedDelegates: z
    .array(z.string().refine((id): boolean => isSpiffeId(id), 'a SPIFFE ID was expected'))
    .default([]),
  /** Claims of other trust domains' JWT-SVIDs that `ValidateJWTSVID` hands on, besides `sub`, `aud` and `exp`. */
  allowedForeignJwtClaims: z.array(z.string().min(1)).default([]),
  trustDomains: z.array(trustDomainSchema).min(1).refine(isUnique, 'each trust domain stands once'),
});

export type AgentConfig = z.output<typeof schema>;
/** What `startAgent` takes: everything that has a default may be left out. */
export type AgentSettings = z.input<typeof schema>;

/** Reads the JSON file that `--config` names. Throws `CONFIG_UNREADABLE` or `CONFIG_INVALID` with every problem. */
export function readAgentConfig(path: string): AgentConfig {
  const config = checkSettings(readSettingsFile(path), path);
  // Whoever can open the workload socket could otherwise look for the admin socket beside it, or take its place.
  if (dirname(resolve(config.workloadSocket)) === dirname(resolve(config.adminSocket)))
    throw new Fault('CONFIG_INVALID', `${path}: adminSocket: it must not share a directory with workloadSocket`);
  return config;
}

/** Fills in what is left out. Throws `CONFIG_INVALID` with every problem. */
export function checkSettings(settings: unknown, where = 'agent'): AgentConfig {
  return parseSettings(schema, settings, where);
}
