/**
 * Sizes, depths and counts that are checked before anything is read or allocated. `docs/reference/limits.md` is generated from this
 * table; a limit used anywhere else is a defect.
 */
export const LIMITS = {
  spiffeIdBytes: { value: 2048, why: 'SPIFFE-ID §2.3: identifiers up to 2048 bytes' },
  trustDomainBytes: { value: 255, why: 'SPIFFE-ID §2.1: trust domain names up to 255 bytes' },
  certificateBytes: { value: 16 * 1024, why: 'one DER certificate' },
  certificateChainLength: { value: 8, why: 'certificates presented by a peer' },
  derDepth: { value: 16, why: 'nesting of DER values' },
  tokenBytes: { value: 8 * 1024, why: 'one JWT in a header or statement' },
  grpcMessageBytes: { value: 4 * 1024 * 1024, why: 'one gRPC message' },
  receiptBytes: { value: 16 * 1024, why: 'one receipt in the ledger' },
  receiptBatch: { value: 500, why: 'receipts in one report' },
  documentBytes: { value: 1024 * 1024, why: 'one configuration document' },
  documentCount: { value: 10_000, why: 'documents in one apply' },
  headerBytes: { value: 32 * 1024, why: 'HTTP request head at the edge' },
  unixSocketPathBytes: { value: 107, why: 'sun_path of a Unix socket address' },
  databaseMessageBytes: { value: 16 * 1024 * 1024, why: 'one message of the PostgreSQL protocol that the gate holds' },
  databaseStartupBytes: {
    value: 10_000,
    why: 'startup message of the PostgreSQL protocol, as PostgreSQL itself limits it',
  },
  databaseSessions: { value: 80, why: 'clients of one gate at once' },
  edgeSessions: { value: 100_000, why: 'sessions of one edge at once' },
  edgeLoginAttempts: { value: 10_000, why: 'sign-ins of one edge under way at once' },
  edgeLoginAttemptsPerBrowser: { value: 5, why: 'sign-ins of one browser under way at once' },
  edgeConnections: { value: 10_000, why: 'connections to one edge at once' },
  serviceConnections: { value: 10_000, why: 'connections to one service of the SDK at once' },
  edgePageBytes: { value: 16 * 1024 * 1024, why: 'static pages of one edge, all together' },
  edgeAnswerBytes: { value: 1024 * 1024, why: 'one answer of an identity provider or authentication service' },
  policyDepth: { value: 500, why: 'nesting of one policy condition' },
  policyValueDepth: { value: 16, why: 'nesting of a value that a policy compares' },
  agentReceipts: { value: 50_000, why: 'receipts of one trust domain that wait in an agent for its server' },
  agentReceiptBytes: { value: 64 * 1024 * 1024, why: 'the same receipts, all together' },
  agentDenials: {
    value: 1000,
    why: 'waiting receipts beyond which an agent takes none of callers that no entry matches',
  },
  receiptsWaiting: { value: 10_000, why: 'receipts of one enforcement point that wait for the agent' },
} as const satisfies Readonly<Record<string, { readonly value: number; readonly why: string }>>;
