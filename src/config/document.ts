import type { z } from 'zod';
import {
  authorizationPolicySchema,
  authServiceSchema,
  cedarPolicySchema,
  edgeSchema,
  entrySchema,
  environmentSchema,
  federationSchema,
  gateSchema,
  mappingSchema,
  serviceSchema,
  trustDomainSchema,
} from './schemas.ts';

/** One schema a kind; `kind` chooses. */
export const SCHEMAS = {
  TrustDomain: trustDomainSchema,
  Entry: entrySchema,
  Federation: federationSchema,
  Service: serviceSchema,
  CedarPolicy: cedarPolicySchema,
  Edge: edgeSchema,
  Gate: gateSchema,
  Environment: environmentSchema,
  AuthorizationPolicy: authorizationPolicySchema,
  Mapping: mappingSchema,
  AuthService: authServiceSchema,
} as const;

export type DocumentKind = keyof typeof SCHEMAS;

/** Parsed documents: durations are seconds, defaults are filled in. */
export type TrustDomainDocument = z.output<typeof trustDomainSchema>;
export type EntryDocument = z.output<typeof entrySchema>;
export type FederationDocument = z.output<typeof federationSchema>;
export type ServiceDocument = z.output<typeof serviceSchema>;
export type CedarPolicyDocument = z.output<typeof cedarPolicySchema>;
export type EdgeDocument = z.output<typeof edgeSchema>;
export type GateDocument = z.output<typeof gateSchema>;
export type EnvironmentDocument = z.output<typeof environmentSchema>;
export type AuthorizationPolicyDocument = z.output<typeof authorizationPolicySchema>;
export type MappingDocument = z.output<typeof mappingSchema>;
export type AuthServiceDocument = z.output<typeof authServiceSchema>;

export type Document =
  | TrustDomainDocument
  | EntryDocument
  | FederationDocument
  | ServiceDocument
  | CedarPolicyDocument
  | EdgeDocument
  | GateDocument
  | EnvironmentDocument
  | AuthorizationPolicyDocument
  | MappingDocument
  | AuthServiceDocument;

export function isDocumentKind(kind: unknown): kind is DocumentKind {
  return typeof kind === 'string' && Object.hasOwn(SCHEMAS, kind);
}
