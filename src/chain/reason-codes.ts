/**
 * The one registry of reason codes: faults and denials alike. Append-only: a code is never renamed or reused.
 * `docs/reference/reason-codes.md` is generated from this table; the edge mappings (gRPC, HTTP, exit code) live here and nowhere else.
 */
export interface ReasonCode {
  /** What happened, for the person who was denied; one sentence, nothing of the rule. */
  readonly meaning: string;
  /** gRPC status name. */
  readonly grpc: GrpcStatusName;
  readonly http: number;
  /** OAuth 2.0 error, where the code can reach a token endpoint. */
  readonly oauth?: string;
  /** Exit code of the command line, after sysexits.h. */
  readonly exit: number;
}

export type GrpcStatusName =
  | 'OK'
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'UNAUTHENTICATED'
  | 'DEADLINE_EXCEEDED';

const bad = (meaning: string): ReasonCode => ({ meaning, grpc: 'INVALID_ARGUMENT', http: 400, exit: 65 });
const denied = (meaning: string): ReasonCode => ({ meaning, grpc: 'PERMISSION_DENIED', http: 403, exit: 77 });
const unauthenticated = (meaning: string): ReasonCode => ({ meaning, grpc: 'UNAUTHENTICATED', http: 401, exit: 77 });
const unavailable = (meaning: string): ReasonCode => ({ meaning, grpc: 'UNAVAILABLE', http: 503, exit: 69 });
const config = (meaning: string): ReasonCode => ({ meaning, grpc: 'FAILED_PRECONDITION', http: 500, exit: 78 });

export const REASON_CODES = {
  ALLOWED: { meaning: 'the link was allowed', grpc: 'OK', http: 200, exit: 0 },
  INTERNAL_ERROR: { meaning: 'an unexpected error; the id finds it in the log', grpc: 'INTERNAL', http: 500, exit: 70 },
  LIMIT_EXCEEDED: {
    meaning: 'a size, depth or count limit was exceeded',
    grpc: 'RESOURCE_EXHAUSTED',
    http: 413,
    exit: 65,
  },
  DEADLINE_EXCEEDED: { meaning: 'the answer did not come in time', grpc: 'DEADLINE_EXCEEDED', http: 504, exit: 75 },
  ARGUMENT_INVALID: bad('a field of the request is missing or malformed'),
  NOT_FOUND: { meaning: 'no such object', grpc: 'NOT_FOUND', http: 404, exit: 66 },
  ALREADY_EXISTS: { meaning: 'the object exists already', grpc: 'ALREADY_EXISTS', http: 409, exit: 65 },

  SPIFFE_ID_INVALID: bad('not a SPIFFE ID'),
  TRUST_DOMAIN_INVALID: bad('not a trust domain name'),
  SELECTOR_INVALID: bad('not a selector of the form type:value'),
  DER_INVALID: bad('not a DER encoding'),
  CERTIFICATE_INVALID: bad('not an acceptable X.509 certificate'),
  CSR_INVALID: bad('not an acceptable certificate request'),
  BUNDLE_INVALID: bad('not a SPIFFE bundle'),
  JSON_INVALID: bad('not JSON that can be read in one way only'),
  JWK_INVALID: bad('not an acceptable public key in JWK form'),
  ENDPOINT_ADDRESS_INVALID: bad('not the address of a Workload API'),

  PEER_CERTIFICATE_MISSING: unauthenticated('the caller presented no certificate'),
  PEER_CERTIFICATE_INVALID: unauthenticated('the certificate presented is not a valid X509-SVID'),
  PEER_CERTIFICATE_EXPIRED: unauthenticated('the certificate presented, or one above it, is not valid at this time'),
  PEER_TRUST_DOMAIN_UNKNOWN: unauthenticated('the certificate is of a trust domain that is not trusted here'),
  PEER_CHAIN_UNTRUSTED: unauthenticated('the certificate does not chain to the bundle of its own trust domain'),
  PEER_ID_UNEXPECTED: denied('the peer is not the one that was expected'),

  RECEIPTS_NOT_KEPT: unavailable('receipts of what happens cannot be kept at the moment, so that nothing may happen'),
  DELEGATE_NOT_AUTHORIZED: denied('the caller may not ask for the identities of others'),
  IDENTITY_NO_ENTRY: denied('no registration entry matches this process'),
  IDENTITY_HEADER_MISSING: bad('the metadata workload.spiffe.io: true is missing'),
  IDENTITY_CALLER_UNKNOWN: denied('the caller could not be identified by the kernel'),
  IDENTITY_UNAVAILABLE: unavailable('no identity can be issued at the moment'),
  ENTRY_INVALID: bad('the registration entry is not acceptable'),

  AGENT_TOKEN_INVALID: bad('the join token does not exist, has expired or was used'),
  AGENT_NOT_ATTESTED: unauthenticated('the agent has not attested'),
  AGENT_NOT_AUTHORIZED: denied('the agent is not authorized for this entry'),

  MINTER_NOT_AUTHORIZED: denied('this workload may not register a minter for the trust domain'),
  MINTER_UNKNOWN: unauthenticated('the token was not signed by a registered minter'),

  TOKEN_MISSING: unauthenticated('the request carries no token'),
  TOKEN_MALFORMED: unauthenticated('the token is not well-formed'),
  TOKEN_DUPLICATED: {
    meaning: 'the request carries more than one token or credential',
    grpc: 'INVALID_ARGUMENT',
    http: 400,
    exit: 65,
  },
  TOKEN_KIND_MISMATCH: unauthenticated('the token is of another kind than this place accepts'),
  TOKEN_SIGNATURE_INVALID: unauthenticated('the signature of the token does not verify'),
  TOKEN_EXPIRED: unauthenticated('the token has expired'),
  TOKEN_NOT_YET_VALID: unauthenticated('the token is not valid yet'),
  TOKEN_AUDIENCE_MISMATCH: unauthenticated('the token is not meant for this audience'),
  TOKEN_ISSUER_MISMATCH: unauthenticated('the token is of another issuer'),
  TOKEN_CLAIM_INVALID: unauthenticated('a required claim of the token is missing or malformed'),
  TOKEN_ALGORITHM_REFUSED: unauthenticated('the token is signed by an algorithm that is not accepted'),
  TOKEN_TRUST_DOMAIN_UNKNOWN: unauthenticated('the token is of a trust domain that is not trusted here'),
  TOKEN_KEY_UNKNOWN: unauthenticated('the token was not signed by a key of its trust domain'),
  TOKEN_PROOF_MISSING: unauthenticated('the token came without proof that its holder has its key'),
  TOKEN_PROOF_INVALID: unauthenticated(
    'the proof that came with the token is not of its holder or not for this request',
  ),
  TOKEN_SERVICE_NOT_ALLOWED: denied('the token does not allow this service'),
  TOKEN_REVOKED: unauthenticated('the user, session or token has been revoked'),

  POLICY_NO_POLICY: denied('no policy allows anyone to reach this workload'),
  POLICY_NO_RULE_MATCHES: denied('no policy allows this caller to do this'),
  POLICY_DENIED: denied('a policy denies this'),
  POLICY_ERROR: denied('the policy could not be evaluated, so the answer is no'),
  POLICY_UNAVAILABLE: unavailable('no policy has been received yet, so the answer is no'),
  RESOURCE_NOT_PERMITTED: denied('this user, through this workload, may not do this to this resource'),

  SESSION_MISSING: unauthenticated('sign in first'),
  SESSION_EXPIRED: unauthenticated('the session has expired; sign in again'),
  LOGIN_STATE_MISMATCH: bad('the sign-in does not belong to this browser or took too long; start again'),
  LOGIN_FAILED: unauthenticated('the identity provider did not confirm the sign-in'),
  LOGIN_USER_UNKNOWN: denied('no rule maps this user to an identity'),
  REQUEST_AMBIGUOUS: bad('the request can be read in more than one way'),
  REQUEST_CREDENTIALS_DOUBLED: bad('the request carries more than one credential'),
  ROUTE_NOT_FOUND: { meaning: 'no route leads there', grpc: 'NOT_FOUND', http: 404, exit: 66 },
  ROUTE_TENANT_MISMATCH: denied('this route belongs to another tenant'),
  RATE_LIMITED: { meaning: 'too many requests', grpc: 'RESOURCE_EXHAUSTED', http: 429, exit: 75 },
  UPSTREAM_UNAVAILABLE: unavailable('the service behind did not answer'),
  SERVICE_UNKNOWN: { meaning: 'no such service is known here', grpc: 'NOT_FOUND', http: 404, exit: 66 },

  DATABASE_NO_CONTEXT: denied('the transaction carries no user context, so row-level security shows no row'),
  DATABASE_CONTEXT_FORGED: denied('the user context was not signed by the gate'),
  DATABASE_CONTEXT_REPLAYED: denied('the user context belongs to another transaction, connection or role'),
  DATABASE_CONTEXT_EXPIRED: denied('the user context has expired'),
  DATABASE_CONTEXT_MISPLACED: bad('the user context is set inside a transaction, once, as one statement'),
  DATABASE_ROLE_CHANGE: denied('the role of a connection is that of its workload and cannot be changed'),
  DATABASE_ROLE_UNMAPPED: denied('no database role is mapped to this workload'),
  DATABASE_ACCESS_DENIED: denied('the role has no right to do this'),
  DATABASE_DIRECT: denied('the database is reached through the gate only'),
  DATABASE_CREDENTIAL_EXPIRED: unauthenticated('the database credential of this connection has expired; connect again'),
  DATABASE_UNAVAILABLE: unavailable('the database did not answer'),

  LEDGER_CORRUPT: { meaning: 'the ledger does not verify', grpc: 'INTERNAL', http: 500, exit: 70 },
  STORE_SCHEMA_NEWER: config('the store was written by a newer version'),
  CONFIG_INVALID: config('the configuration is not acceptable; every problem is listed'),
  CONFIG_UNREADABLE: config('a configuration file cannot be read'),
  PORT_OCCUPIED: config('another process listens on this port'),
  DIRECTORY_UNWRITABLE: config('the directory cannot be written'),
  SOCKET_PATH_TOO_LONG: config('the path of a Unix socket is longer than the system allows'),
  SOCKET_OCCUPIED: config('another process listens on this socket'),
  PROCESS_FAILED: config('a process ended that should have gone on'),
  METHOD_UNIMPLEMENTED: { meaning: 'this method is not offered here', grpc: 'UNIMPLEMENTED', http: 501, exit: 69 },
  PLATFORM_UNSUPPORTED: config('this platform cannot do what is asked'),
  REQUEST_CROSS_SITE: denied('the request comes from a page of another site'),
  AUTH_SERVICE_DENIED: denied('the authentication service said no'),
  AUTH_SERVICE_UNAVAILABLE: denied('the authentication service did not answer, so the answer is no'),
  FEDERATION_INVALID: bad('the federation relationship is not acceptable'),
  FEDERATION_BUNDLE_STALE: {
    meaning: 'the bundle is older than the one that is known',
    grpc: 'FAILED_PRECONDITION',
    http: 409,
    exit: 65,
  },
  FEDERATION_ENDPOINT_UNAVAILABLE: unavailable('the bundle endpoint gave no bundle'),
  FEDERATION_ENDPOINT_UNTRUSTED: denied('the bundle endpoint is not who it has to be'),
  FEDERATION_IN_USE: {
    meaning: 'entries federate with this trust domain',
    grpc: 'FAILED_PRECONDITION',
    http: 409,
    exit: 65,
  },
  STORE_CONTENDED: { meaning: 'others changed the same state all the time', grpc: 'ABORTED', http: 409, exit: 75 },
  STORE_SCHEMA_OLDER: config('the store was written by an older version and has to be upgraded first'),
  BACKUP_INVALID: bad('the file is no whole backup'),
  STORE_UNAVAILABLE: unavailable('the store does not answer'),
  LOGIN_PROVIDER_UNAVAILABLE: unavailable('the identity provider does not answer; try again'),
  IDENTITY_HEADERS_STRIPPED: {
    meaning: 'the request went on without the identity headers that its client sent',
    grpc: 'OK',
    http: 200,
    exit: 0,
  },
  AGENT_SOCKET_MISSING: config('there is no agent socket where this process looks for it'),
  AGENT_SOCKET_REFUSED: unavailable('the agent socket cannot be opened: its agent has ended, or this process may not'),
  FEDERATION_NOT_ALLOWED: denied('the relationship with the trust domain of the peer does not allow this'),
  PEER_REVOKED: unauthenticated('the workload at the other end of the connection has been revoked'),
  CALLER_NOT_AUTHORIZED: denied('this caller may not call this method'),
  AGENT_BANNED: denied('the agent is banned'),
  AGENT_EXPIRED: denied('the certificate of the agent has expired'),
  AGENT_NOT_ACTIVE: denied('the certificate of the agent is not its current one'),
  AGENT_MUST_REATTEST: denied('the agent attests again instead of renewing'),
  ATTESTOR_UNKNOWN: config('this kind of node attestation is not offered'),
  ATTESTATION_FAILED: denied('the evidence of the node does not hold'),
  ATTESTATION_REUSED: denied('this evidence has been used to attest an agent already'),
  AUTHORITY_STATE_INVALID: config('the authority is in a state that does not allow this'),
  JOURNAL_CONFLICT: {
    meaning: 'another server has changed the authorities at the same time',
    grpc: 'ABORTED',
    http: 409,
    exit: 75,
  },
  UPSTREAM_AUTHORITY_UNAVAILABLE: unavailable('the upstream authority signs nothing at the moment'),
  KEY_UNREADABLE: config('a private key cannot be read: the passphrase is wrong or the file is damaged'),
  DISK_FULL: { meaning: 'the disk is full', grpc: 'RESOURCE_EXHAUSTED', http: 507, exit: 74 },
  KEY_SERVICE_UNAVAILABLE: unavailable('the service that holds the keys did not answer, or refused'),
  REVOCATION_INVALID: bad('the revocation is not acceptable'),
  CLOCK_SKEWED: unavailable(
    'the clocks of two machines are so far apart that what one issues does not hold at the other',
  ),
} as const satisfies Readonly<Record<string, ReasonCode>>;

export type ReasonCodeName = keyof typeof REASON_CODES;

/** The entry of a code; codes that are not registered read as `INTERNAL_ERROR`. */
export function reasonCode(code: string): ReasonCode {
  return isReasonCode(code) ? REASON_CODES[code] : REASON_CODES.INTERNAL_ERROR;
}

export function isReasonCode(code: string): code is ReasonCodeName {
  return Object.hasOwn(REASON_CODES, code);
}
