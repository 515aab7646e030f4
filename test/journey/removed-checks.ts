/** One check of the product, as its source has it, and the same place without it. */
export interface RemovedCheck {
  /** The rule that is no longer held. */
  readonly rule: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly check: string;
  readonly without: string;
  /** Denials of the story, at least one of which must notice. */
  readonly noticedBy: readonly string[];
}

/** Taking any one of these out must make `hauberk up --check` fail. The product has no switch that does it: the source is patched. */
export const CHECKS: readonly RemovedCheck[] = [
  {
    rule: 'a route asks for a session',
    file: 'src/edge/front-door.ts',
    check: `throw new Fault('SESSION_MISSING', 'sign in first');
      return { told };`,
    without: 'return { told };',
    noticedBy: ['no-session-page', 'no-session-api'],
  },
  {
    rule: 'identity headers of a client are stripped',
    file: 'src/http/header-fields.ts',
    check:
      "plain && lower !== 'host' && !HOP_BY_HOP.has(lower) && !nominated.has(lower) && !isIdentityName(lower, injected)",
    without: "lower !== 'host' && !HOP_BY_HOP.has(lower)",
    noticedBy: ['forged-identity-headers'],
  },
  {
    rule: 'one credential a request',
    file: 'src/http/header-fields.ts',
    check: 'seen.has(normal) && CREDENTIALS.includes(normal)',
    without: 'false',
    noticedBy: ['doubled-authorization'],
  },
  {
    rule: "a route belongs to the user's tenant",
    file: 'src/edge/front-door.ts',
    check: 'session !== undefined && service.trustDomain !== session.user.tenant',
    without: 'false',
    noticedBy: ['other-tenant-route'],
  },
  {
    rule: 'a peer has proven itself before a byte is read',
    file: 'src/sdk/serve.ts',
    check: 'refuseConnection(options, socket, toFault(error));',
    without: 'serveHttp?.call(server, socket);',
    noticedBy: ['cross-bank-dial', 'no-certificate'],
  },
  {
    rule: 'a caller is listed by a policy',
    file: 'src/policy/reach.ts',
    check: "{ effect: 'deny', code: 'POLICY_NO_RULE_MATCHES' }",
    without: "{ effect: 'allow', code: 'ALLOWED' }",
    noticedBy: ['unlisted-caller', 'unnamed-platform-workload'],
  },
  {
    rule: 'Cedar permits the user and the workload',
    file: 'src/sdk/guard.ts',
    check: 'throw new Fault(code, reasonCode(code).meaning);',
    without: 'return;',
    noticedBy: ['other-users-resource'],
  },
  {
    rule: 'a token ends',
    file: 'src/jwt/verify-token.ts',
    check: 'if (now >= exp)',
    without: 'if (now < 0)',
    noticedBy: ['expired-token'],
  },
  {
    rule: 'a token serves its audience',
    file: 'src/jwt/verify-token.ts',
    check: `if (claims.aud !== audience) throw fault('TOKEN_AUDIENCE_MISMATCH', 'the token is not meant for this audience');
    throw`,
    without: 'throw',
    noticedBy: ['wrong-audience-token'],
  },
  {
    rule: 'an entry matches by its selectors',
    file: 'src/agent/node.ts',
    check: 'selectors.every((selector) => seen.has(selector))',
    without: 'seen.size >= 0',
    noticedBy: ['unregistered-process'],
  },
  {
    rule: 'no context, no rows',
    file: 'examples/bank/schema.sql',
    check: `USING (owner = (SELECT hauberk.user_id()) AND tenant = (SELECT hauberk.tenant()))`,
    without: `USING (owner = coalesce((SELECT hauberk.user_id()), owner))`,
    noticedBy: ['database-no-context'],
  },
  {
    rule: 'a context is signed by the gate',
    file: 'src/gate/bootstrap.ts',
    check: "IF pad.kid IS NULL OR sha256(decode(part[3], 'hex')) IS DISTINCT FROM",
    without: "IF pad.kid = 'never' AND sha256(decode(part[3], 'hex')) IS DISTINCT FROM",
    noticedBy: ['database-forged-context'],
  },
  {
    rule: 'a context serves one transaction and connection',
    file: 'src/gate/bootstrap.ts',
    check: `IF (claims->>'pid')::int IS DISTINCT FROM pg_backend_pid()
    OR claims->>'xid' IS DISTINCT FROM pg_current_xact_id_if_assigned()::text
    OR`,
    without: 'IF',
    noticedBy: ['database-replayed-context'],
  },
  {
    rule: 'the role of a connection is its workload’s',
    file: 'src/gate/statements.ts',
    check: 'if (ROLE_CHANGE.test(afterBlanks(sql)))',
    without: 'if (ROLE_CHANGE.test(""))',
    noticedBy: ['database-role-change'],
  },
  {
    rule: 'the database asks for a password',
    file: 'src/plugins/postgres/data-directory.ts',
    check: 'local all all scram-sha-256',
    without: 'local all all trust',
    noticedBy: ['database-direct'],
  },
  {
    rule: 'a service leaves receipts',
    file: 'src/sdk/exchange.ts',
    check: "report(receiptOf({ effect: 'allow', code: 'ALLOWED' }));",
    without: '',
    noticedBy: [],
  },
];
