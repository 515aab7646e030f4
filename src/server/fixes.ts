import type { ReasonCodeName, Receipt } from '#chain';

/** The smallest fix of a denial, for an operator who has just read what broke. */
export function fixOf(broken: Receipt): string | undefined {
  const fix = FIXES[broken.code];
  return typeof fix === 'function' ? fix(broken) : fix;
}

type Fix = string | ((broken: Receipt) => string);

const FIXES: Readonly<Partial<Record<ReasonCodeName, Fix>>> = {
  IDENTITY_NO_ENTRY:
    'create an entry whose selectors the process has (hauberk entry create), or start it as a service: hauberk run --as <namespace>/<name> -- …',
  IDENTITY_CALLER_UNKNOWN:
    'the caller ended or crossed a boundary that the kernel does not see through: let it call from this machine itself',
  IDENTITY_UNAVAILABLE: 'look at "hauberk status": the agent has no current identity in this trust domain',

  PEER_CERTIFICATE_MISSING:
    'let the caller use its identity: hauberk/sdk, or a client certificate from the Workload API',
  PEER_CERTIFICATE_INVALID: 'let the caller present an X509-SVID: one URI name, which is its SPIFFE ID',
  PEER_CERTIFICATE_EXPIRED:
    'let the caller follow the Workload API, which renews it in time, and compare the clocks (hauberk doctor)',
  PEER_TRUST_DOMAIN_UNKNOWN:
    'let the two trust domains federate (spec.federatesWith of both TrustDomain documents), if they should',
  PEER_CHAIN_UNTRUSTED:
    'nothing here: the certificate names a trust domain whose authority did not sign it. If the authority was changed, let the caller fetch a new identity',
  PEER_REVOKED: 'give the workload a new identity, if the revocation no longer stands',
  PEER_ID_UNEXPECTED: 'correct spec.spiffeId of the Service document, or find out who listens at its endpoint',

  MINTER_UNKNOWN:
    'if the key should mint: grant it in spec.minters of the TrustDomain document, and let its holder register again',
  MINTER_NOT_AUTHORIZED: 'name the workload in spec.minters of the TrustDomain document, if it should mint',

  TOKEN_MISSING: 'send the request through the edge, or forward the Txn-Token that came with it',
  TOKEN_MALFORMED: 'forward the token byte for byte as it came',
  TOKEN_DUPLICATED: 'send one token a request',
  TOKEN_KIND_MISMATCH:
    'send the kind of token that this place takes: a Txn-Token between services, an internal JWT where its Mapping says so',
  TOKEN_ALGORITHM_REFUSED: 'nothing here: tokens are signed with ES256, and this one was not made by a minter of ours',
  TOKEN_SIGNATURE_INVALID:
    'nothing here: the token was changed or signed by another key than it says. Find out who made it',
  TOKEN_EXPIRED:
    'start a new request: a token lives for one transaction. If it was new, compare the clocks (hauberk doctor)',
  TOKEN_NOT_YET_VALID: 'compare the clocks of the minter and of this machine (hauberk doctor)',
  TOKEN_AUDIENCE_MISMATCH:
    'a token serves the trust domain that it was minted for only: enter through a route of the other one',
  TOKEN_ISSUER_MISMATCH: 'nothing here: the key belongs to another minter than the token says',
  TOKEN_CLAIM_INVALID: 'let the minter make whole tokens, within the lifetime that spec.minters grants it',
  TOKEN_SERVICE_NOT_ALLOWED: 'name the service in allowed_services of the token profile, if it should be reached',
  TOKEN_TRUST_DOMAIN_UNKNOWN: 'federate with the trust domain of the token, if its workloads should be known here',
  TOKEN_KEY_UNKNOWN:
    'nothing here: no current key of the trust domain has this id. If keys were rotated, let the caller fetch a new token',
  TOKEN_PROOF_MISSING: 'let the caller prove that it holds the key of its token, in the same request',
  TOKEN_PROOF_INVALID: 'let the caller make a new proof with the key of its token, for this request',
  TOKEN_REVOKED: 'let the user sign in again, if the revocation no longer stands',

  POLICY_NO_POLICY: ({ peer }) =>
    `write an AuthorizationPolicy that selects this workload and names ${principal(peer)} as principal, if it should be allowed`,
  POLICY_NO_RULE_MATCHES: ({ peer }) =>
    `add ${principal(peer)} to the principals of a rule that also allows this method and path, if it should be allowed`,
  POLICY_DENIED: 'narrow the rule of the DENY policy, if this should be allowed: no ALLOW outweighs it',
  POLICY_ERROR:
    'read the policies of this workload again: one asks for a fact that is not known here (hauberk apply --dry-run says which cannot be taken)',
  POLICY_UNAVAILABLE: 'look at "hauberk status": the agent has not heard from the server yet',
  RESOURCE_NOT_PERMITTED: ({ user, action, resource }) =>
    `if it should be allowed: permit ${user ?? 'this caller'} ${action ?? 'this action'} on ${resource ?? 'this resource'} in a Cedar policy, or correct the attributes that its policies compare`,

  SESSION_MISSING: 'sign in: a browser is sent there; a client of an API needs a session or an accepted bearer token',
  SESSION_EXPIRED: 'sign in again',
  LOGIN_STATE_MISMATCH: 'start the sign-in again in the same browser: its answer came to another one, or too late',
  LOGIN_FAILED: 'read the log of the edge and of the identity provider: the provider did not confirm the sign-in',
  LOGIN_USER_UNKNOWN: 'add a rule to spec.identities of the Edge document, if this user should have an identity',
  LOGIN_PROVIDER_UNAVAILABLE: 'see whether the identity provider of spec.oidc.issuer runs and is reached from the edge',
  REQUEST_AMBIGUOUS: 'send a request that can be read in one way: one Host, one length, a plain path',
  REQUEST_CREDENTIALS_DOUBLED: 'send one credential: a session cookie or one Authorization field',
  REQUEST_CROSS_SITE: 'call from a page of the same site, or from a client without a browser’s cookies',
  ROUTE_NOT_FOUND: 'write a Mapping whose prefix leads there',
  ROUTE_TENANT_MISMATCH: "use the route of the user's own tenant",
  RATE_LIMITED: 'wait, or raise the limit',
  UPSTREAM_UNAVAILABLE: 'see whether the service runs and listens where its Service document says (hauberk status)',
  SERVICE_UNKNOWN: 'write a Service document of this name',
  AUTH_SERVICE_DENIED: 'ask the operator of the AuthService: it said no',
  AUTH_SERVICE_UNAVAILABLE: 'see whether the AuthService runs: without its answer the answer is no',

  DATABASE_NO_CONTEXT: 'wrap the queries in request.transaction(…)',
  DATABASE_CONTEXT_FORGED:
    'nothing here: contexts are made by the gate from a verified token, never in SQL. Find out what the workload runs',
  DATABASE_CONTEXT_REPLAYED: 'set the context anew in each transaction: request.transaction(…) does',
  DATABASE_CONTEXT_EXPIRED: 'end transactions before their token does, or start a new request',
  DATABASE_CONTEXT_MISPLACED: 'set the context once, as its own statement, after BEGIN: request.transaction(…) does',
  DATABASE_ROLE_CHANGE: 'connect as the workload whose role is needed: a connection keeps its role',
  DATABASE_ROLE_UNMAPPED: ({ peer }) =>
    `add ${peer ?? 'the workload'} to spec.roles of the Gate document, if it should reach the database`,
  DATABASE_ACCESS_DENIED: ({ rule }) =>
    `GRANT it to the role ${rule ?? 'of the workload'} in the schema, if it should be allowed`,
  DATABASE_DIRECT: 'connect through the gate: only its own account is let in at the database itself',
  DATABASE_CREDENTIAL_EXPIRED: 'connect again: a credential lives for minutes',
  DATABASE_UNAVAILABLE: 'see whether the database runs ("hauberk status", and its log in the run directory)',
};

/** As an AuthorizationPolicy names it: without the scheme. */
function principal(peer: string | undefined): string {
  return peer === undefined ? 'the caller' : `"${peer.replace('spiffe://', '')}"`;
}
