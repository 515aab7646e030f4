export { apiVersionsOf, DOCUMENT_KINDS, describeFields, type Field } from './describe-fields.ts';
export type {
  AuthorizationPolicyDocument,
  AuthServiceDocument,
  CedarPolicyDocument,
  Document,
  DocumentKind,
  EdgeDocument,
  EntryDocument,
  EnvironmentDocument,
  FederationDocument,
  GateDocument,
  MappingDocument,
  ServiceDocument,
  TrustDomainDocument,
} from './document.ts';
export { findDurationSeconds } from './duration.ts';
export { type LoadedDocument, loadDocuments } from './load-documents.ts';
export { findNearest } from './nearest.ts';
export { checkDocument, parseDocument } from './parse-document.ts';
export { configFault, formatProblem, type Problem } from './problem.ts';
export { type Converted, toResource } from './to-resource.ts';
