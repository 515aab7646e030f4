export type { CallContext, Client, Handlers, MessageType, MethodDefinition, ServiceDefinition } from './definition.ts';
export { compareEntries } from './entry-order.ts';
export { createGrpcClient, dialUnix, type GrpcClientOptions } from './grpc-client.ts';
export { encodeFrame, FrameDecoder } from './grpc-frames.ts';
export { peerChain } from './peer-chain.ts';
export { ReceiptReporter } from './receipt-reporter.ts';
export {
  type AuthorizationPolicyResource,
  type BundleEndpointProfile,
  type BundleKey,
  type BundleResource,
  type CedarPolicyResource,
  type Endpoint,
  type EntryResource,
  type FederationAllowance,
  type FederationResource,
  type MinterGrant,
  type MinterResource,
  type OidcDiscoveryPlace,
  RESOURCE_KINDS,
  REVOCATION_KINDS,
  type ResourceKind,
  type RevocationKind,
  type RevocationResource,
  revocationKey,
  type ServiceResource,
  type TokenKind,
  type TrustDomainResource,
} from './resources.ts';
export {
  isOlderSequence,
  isSequenceText,
  readSequence,
  type SequenceText,
  writeSequence,
} from './sequence.ts';
export { frameOf, shared } from './shared-message.ts';
export { type DigestedResource, stateDigest } from './state-digest.ts';
export { TLS_LISTENER } from './tls-listener.ts';
export { partsOf, UpdateAssembly, updateBytes, type WholeUpdate } from './update-parts.ts';
