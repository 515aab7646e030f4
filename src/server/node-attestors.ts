import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { NodeAttestor } from '#attestation';
import { type Clock, Fault, type Random } from '#kernel';
import { AwsIidAttestor } from '#plugins/node-attestor/aws-iid';
import { HttpChallengeAttestor } from '#plugins/node-attestor/http-challenge';
import { type Cluster, K8sPsatAttestor, KubernetesApi, oidcReview } from '#plugins/node-attestor/k8s-psat';
import { X509popAttestor } from '#plugins/node-attestor/x509pop';
import { derCertificates } from '#x509';

const file = z.string().min(1);
const audiences = z.array(z.string().min(1)).min(1).default(['spire-server']);

const clusterSchema = z.strictObject({
  serviceAccounts: z.array(z.string().regex(/^[^:]+:[^:]+$/, 'namespace:service account')).min(1),
  audiences,
  naming: z.enum(['node', 'pod']).default('node'),
  nodeLabels: z.array(z.string()).default([]),
  podLabels: z.array(z.string()).default([]),
  /** Asks the API server, or verifies by the issuer's keys alone. */
  review: z.discriminatedUnion('by', [
    z.strictObject({ by: z.literal('api'), url: z.url({ protocol: /^https$/ }), caFile: file, tokenFile: file }),
    z.strictObject({ by: z.literal('keys'), issuer: z.string().min(1), jwksFile: file }),
  ]),
});

export const nodeAttestorsSchema = z.strictObject({
  x509pop: z
    .union([
      z.strictObject({ caFile: file }),
      /** Nodes whose certificates are X509-SVIDs of the trust domain, below a prefix. */
      z.strictObject({ spiffePrefix: z.string().regex(/^(\/[A-Za-z0-9._-]+)+$/) }),
    ])
    .optional(),
  k8s_psat: z.strictObject({ clusters: z.record(z.string().regex(/^[A-Za-z0-9._-]+$/), clusterSchema) }).optional(),
  aws_iid: z
    .strictObject({
      accounts: z.array(z.string().regex(/^\d{12}$/)).min(1),
      /** AWS's public certificates by region. */
      certificateFiles: z.record(z.string(), z.array(file).min(1)),
    })
    .optional(),
  http_challenge: z
    .strictObject({
      hosts: z.array(z.string().min(1)).default([]),
      requiredPort: z.number().int().min(1).max(65_535).optional(),
      allowNonRootPorts: z.boolean().default(false),
      allowPrivateTargets: z.boolean().default(false),
      trustOnFirstUse: z.boolean().default(true),
    })
    .optional(),
});

export type NodeAttestorsConfig = z.output<typeof nodeAttestorsSchema>;

export interface NodeAttestorsContext {
  readonly clock: Clock;
  readonly random: Random;
  /** Authorities of a trust domain, DER, by its published bundle. */
  readonly authorities: (trustDomain: string) => readonly Buffer[];
}

/** The attestors that a configuration asks for. Throws `CONFIG_UNREADABLE`, `CONFIG_INVALID`. */
export function nodeAttestors(config: NodeAttestorsConfig, context: NodeAttestorsContext): readonly NodeAttestor[] {
  const { x509pop, k8s_psat: k8s, aws_iid: aws, http_challenge: http } = config;
  const made: NodeAttestor[] = [];
  if (x509pop !== undefined) made.push(x509popAttestor(x509pop, context));
  if (k8s !== undefined)
    made.push(new K8sPsatAttestor(Object.entries(k8s.clusters).map(([name, one]) => cluster(name, one, context))));
  if (aws !== undefined) {
    const { accounts, certificateFiles } = aws;
    const regions = Object.entries(certificateFiles).map(([region, files]) => [region, files.map(read)]);
    made.push(new AwsIidAttestor({ accounts, certificates: Object.fromEntries(regions) }));
  }
  if (http !== undefined) {
    const { requiredPort, ...rest } = http;
    const port = requiredPort === undefined ? {} : { requiredPort };
    made.push(new HttpChallengeAttestor({ ...rest, ...port, random: context.random }));
  }
  return made;
}

function x509popAttestor(config: NonNullable<NodeAttestorsConfig['x509pop']>, context: NodeAttestorsContext) {
  const { clock, random, authorities } = context;
  if ('spiffePrefix' in config)
    return new X509popAttestor({ authorities, naming: { by: 'spiffe', prefix: config.spiffePrefix }, clock, random });
  const roots = derCertificates(read(config.caFile));
  return new X509popAttestor({ authorities: () => roots, naming: { by: 'fingerprint' }, clock, random });
}

function cluster(name: string, config: z.output<typeof clusterSchema>, { clock }: NodeAttestorsContext): Cluster {
  const { review, audiences: named, ...rest } = config;
  if (review.by === 'keys') {
    const jwks = jwksSchema.parse(JSON.parse(read(review.jwksFile)));
    return { name, ...rest, review: oidcReview({ issuer: review.issuer, audiences: named, jwks, clock }) };
  }
  const { url, caFile, tokenFile } = review;
  const api = new KubernetesApi({ url, ca: read(caFile), token: () => read(tokenFile).trim(), audiences: named });
  return { name, ...rest, review: (token, signal) => api.review(token, signal) };
}

const jwksSchema = z.looseObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1) });

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `${path} cannot be read`, { cause });
  }
}
