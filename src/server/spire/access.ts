/** Who a caller is, as far as the table of access asks. `any` is also a TLS client without certificate. */
export type CallerClass = 'local' | 'admin' | 'agent' | 'downstream' | 'any';

/** Buckets of the rate limiter, one each per source address. */
export type LimitName = 'attestation' | 'syncAttestation' | 'renewal' | 'status' | 'publish' | 'x509' | 'jwt' | 'wit';

export interface MethodAccess {
  readonly allow: readonly CallerClass[];
  readonly limit?: LimitName;
  /** What one call takes of its limit: itself, or as many as it has items (its handler counts them). */
  readonly cost?: 'call' | 'items';
}

const operators: MethodAccess = { allow: ['local', 'admin'] };
const local: MethodAccess = { allow: ['local'] };
const agents: MethodAccess = { allow: ['agent'] };
const agent = (limit: LimitName, cost: 'call' | 'items' = 'call'): MethodAccess => ({ allow: ['agent'], limit, cost });
const downstream: MethodAccess = { allow: ['downstream'] };

/**
 * The one table of who may call what of SPIRE's server API, by service and method. What is missing here is denied; a test holds the
 * table against the definitions. Callers of the admin socket are never limited.
 */
export const SPIRE_ACCESS: Readonly<Record<string, Readonly<Record<string, MethodAccess>>>> = {
  'spire.api.server.agent.v1.Agent': {
    CountAgents: operators,
    ListAgents: operators,
    GetAgent: operators,
    DeleteAgent: operators,
    BanAgent: operators,
    CreateJoinToken: operators,
    AttestAgent: { allow: ['any'], limit: 'attestation', cost: 'call' },
    RenewAgent: agent('renewal'),
    PostStatus: agent('status'),
  },
  'spire.api.server.bundle.v1.Bundle': {
    GetBundle: { allow: ['any'] },
    AppendBundle: operators,
    CountBundles: operators,
    ListFederatedBundles: operators,
    GetFederatedBundle: { allow: ['local', 'admin', 'agent'] },
    BatchCreateFederatedBundle: operators,
    BatchUpdateFederatedBundle: operators,
    BatchSetFederatedBundle: operators,
    BatchDeleteFederatedBundle: operators,
    PublishJWTAuthority: { ...downstream, limit: 'publish', cost: 'call' },
    PublishWITAuthority: { ...downstream, limit: 'publish', cost: 'call' },
  },
  'spire.api.server.entry.v1.Entry': {
    CountEntries: operators,
    ListEntries: operators,
    GetEntry: operators,
    BatchCreateEntry: operators,
    BatchUpdateEntry: operators,
    BatchDeleteEntry: operators,
    GetAuthorizedEntries: agents,
    SyncAuthorizedEntries: agents,
  },
  'spire.api.server.svid.v1.SVID': {
    MintX509SVID: operators,
    MintJWTSVID: operators,
    MintWITSVID: operators,
    BatchNewX509SVID: agent('x509', 'items'),
    NewJWTSVID: agent('jwt'),
    BatchNewWITSVID: agent('wit', 'items'),
    NewDownstreamX509CA: { ...downstream, limit: 'x509', cost: 'call' },
  },
  'spire.api.server.trustdomain.v1.TrustDomain': {
    ListFederationRelationships: operators,
    GetFederationRelationship: operators,
    BatchCreateFederationRelationship: operators,
    BatchUpdateFederationRelationship: operators,
    BatchDeleteFederationRelationship: operators,
    RefreshBundle: operators,
  },
  'spire.api.server.localauthority.v1.LocalAuthority': {
    GetJWTAuthorityState: operators,
    PrepareJWTAuthority: operators,
    ActivateJWTAuthority: operators,
    TaintJWTAuthority: operators,
    RevokeJWTAuthority: operators,
    GetX509AuthorityState: operators,
    PrepareX509Authority: operators,
    ActivateX509Authority: operators,
    TaintX509Authority: operators,
    TaintX509UpstreamAuthority: operators,
    RevokeX509Authority: operators,
    RevokeX509UpstreamAuthority: operators,
    GetWITAuthorityState: operators,
    PrepareWITAuthority: operators,
    ActivateWITAuthority: operators,
    TaintWITAuthority: operators,
    RevokeWITAuthority: operators,
  },
  'spire.api.server.logger.v1.Logger': { GetLogger: local, SetLogLevel: local, ResetLogLevel: local },
  'spire.api.server.debug.v1.Debug': { GetInfo: local },
  'grpc.health.v1.Health': { Check: local, Watch: local },
};

/** Undefined: nobody may. */
export function accessOf(service: string, method: string): MethodAccess | undefined {
  const methods = Object.hasOwn(SPIRE_ACCESS, service) ? SPIRE_ACCESS[service] : undefined;
  return methods !== undefined && Object.hasOwn(methods, method) ? methods[method] : undefined;
}
