/** One check of the product, as its source has it, and the same place without it. */
export interface RemovedCheck {
  /** The rule that is no longer held. */
  readonly rule: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly check: string;
  readonly without: string;
  /** Processes of the bank that hold the check; absent: the bank as a whole is started from a patched copy. */
  readonly heldBy?: readonly string[];
  /** Denials of the story, at least one of which must notice; or else what an expectation that failed must say. */
  readonly noticedBy: readonly string[] | RegExp;
}

const ACCOUNTS = ['bank-a-account-service'];
const SERVICES = ['bank-a-account-service', 'bank-a-user-service', 'bank-b-ledger-service'];
const EDGE = ['edge'];
const GATE = ['gate'];
const AGENT = ['agent'];

/**
 * Taking any one of these out must make `hauberk up --check` fail. The product has no switch that does it: the source is patched. Checks that
 * another one stands before or behind (a token's issuer behind its signature, a context's role behind its transaction) are not here: without one of them
 * nothing opens, and the tests of their rooms show each.
 */
export const CHECKS: readonly RemovedCheck[] = [
  {
    rule: 'a route asks for a session',
    file: 'src/edge/front-door.ts',
    check: `throw new Fault('SESSION_MISSING', 'sign in first');
      return { told };`,
    without: 'return { told };',
    heldBy: EDGE,
    noticedBy: ['no-session-page', 'no-session-api'],
  },
  {
    rule: 'the database asks for a password',
    file: 'src/plugins/postgres/data-directory.ts',
    check: 'local all all scram-sha-256',
    without: 'local all all trust',
    noticedBy: ['database-direct'],
  },
  {
    rule: 'a peer has proven itself before a byte is read',
    file: 'src/sdk/serve.ts',
    check: `    } catch (error) {
      refuseConnection(options, socket, toFault(error));`,
    without: `    } catch {
      serveHttp?.call(server, socket);`,
    heldBy: ACCOUNTS,
    noticedBy: ['cross-bank-dial', 'no-certificate'],
  },
  {
    rule: 'identity headers of a client are stripped',
    file: 'src/http/header-fields.ts',
    check:
      "plain && lower !== 'host' && !HOP_BY_HOP.has(lower) && !nominated.has(lower) && !isIdentityName(lower, injected)",
    without: "lower !== 'host' && !HOP_BY_HOP.has(lower)",
    heldBy: EDGE,
    noticedBy: ['forged-identity-headers'],
  },
  {
    rule: 'a token ends',
    file: 'src/jwt/verify-token.ts',
    check: 'if (now >= exp)',
    without: 'if (now < 0)',
    // The gate judges the token that the service hands on, and says the same.
    heldBy: [...ACCOUNTS, ...GATE],
    noticedBy: ['expired-token'],
  },
  {
    rule: 'one credential a request',
    file: 'src/http/header-fields.ts',
    check: 'seen.has(normal) && CREDENTIALS.includes(normal)',
    without: 'false',
    heldBy: EDGE,
    noticedBy: ['doubled-authorization'],
  },
  {
    rule: 'no context, no rows',
    file: 'examples/bank/schema.sql',
    check: `USING (owner = (SELECT hauberk.user_id()) AND tenant = (SELECT hauberk.tenant()))`,
    without: `USING (owner = coalesce((SELECT hauberk.user_id()), owner))`,
    heldBy: GATE,
    noticedBy: ['database-no-context'],
  },
  {
    rule: 'a token serves its audience',
    file: 'src/jwt/verify-token.ts',
    check: `if (claims.aud !== audience) throw otherAudience(claims, audience);
    throw`,
    without: 'throw',
    heldBy: ['bank-b-ledger-service'],
    noticedBy: ['wrong-audience-token'],
  },
  {
    rule: "a route belongs to the user's tenant",
    file: 'src/edge/front-door.ts',
    check: 'session !== undefined && service.trustDomain !== session.user.tenant',
    without: 'false',
    heldBy: EDGE,
    noticedBy: ['other-tenant-route'],
  },
  {
    rule: 'a context is signed by the gate',
    file: 'src/gate/bootstrap.ts',
    check: "IF pad.kid IS NULL OR sha256(decode(part[3], 'hex')) IS DISTINCT FROM",
    without: "IF pad.kid = 'never' AND sha256(decode(part[3], 'hex')) IS DISTINCT FROM",
    heldBy: GATE,
    noticedBy: ['database-forged-context'],
  },
  {
    rule: 'a peer is verified against the bundle of its own trust domain',
    file: 'src/spiffe/x509-svid.ts',
    check: 'question.bundles.get(id.trustDomain);',
    without: 'question.bundles.get(id.trustDomain) ?? [...question.bundles.values()][0];',
    heldBy: ACCOUNTS,
    noticedBy: ['cross-bank-dial'],
  },
  {
    rule: 'a sign-in is finished by the browser that began it',
    file: 'src/edge/login-attempts.ts',
    check: 'if (cookie === undefined || !equalSecrets(hash(cookie), kept.binding)) throw mismatch();',
    without: '',
    heldBy: EDGE,
    noticedBy: ['other-browsers-login'],
  },
  {
    rule: 'a certificate chains to an authority',
    file: 'src/spiffe/x509-svid.ts',
    check: 'const path = verifyPath({',
    without: 'const path = ((question) => question.chain)({',
    heldBy: ACCOUNTS,
    noticedBy: ['self-signed-certificate'],
  },
  {
    rule: 'a context serves one transaction and connection',
    file: 'src/gate/bootstrap.ts',
    check: `IF (claims->>'pid')::int IS DISTINCT FROM pg_backend_pid()
    OR claims->>'xid' IS DISTINCT FROM pg_current_xact_id_if_assigned()::text
    OR`,
    without: 'IF',
    heldBy: GATE,
    noticedBy: ['database-replayed-context'],
  },
  {
    rule: 'a caller is listed by a policy',
    file: 'src/policy/reach.ts',
    check: "{ effect: 'deny', code: 'POLICY_NO_RULE_MATCHES' }",
    without: "{ effect: 'allow', code: 'ALLOWED' }",
    heldBy: SERVICES,
    noticedBy: ['unlisted-caller', 'unnamed-platform-workload'],
  },
  {
    rule: 'a context ends with its token',
    file: 'src/gate/bootstrap.ts',
    check: `IF coalesce((claims->>'exp')::double precision, 0) <= extract(epoch FROM clock_timestamp()) THEN`,
    without: 'IF false THEN',
    heldBy: GATE,
    noticedBy: ['database-expired-context'],
  },
  {
    rule: 'a sign-in is bound to its code by PKCE',
    file: 'src/edge/provider.ts',
    check: `code_challenge: await calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',`,
    without: '',
    heldBy: EDGE,
    noticedBy: /sign/,
  },
  {
    rule: 'Cedar permits the user and the workload',
    file: 'src/sdk/guard.ts',
    check: 'throw new Fault(code, reasonCode(code).meaning);',
    without: 'return;',
    heldBy: ACCOUNTS,
    noticedBy: ['other-users-resource'],
  },
  {
    rule: 'the role of a connection is its workload’s',
    file: 'src/gate/statements.ts',
    check: 'if (ROLE_CHANGE.test(afterBlanks(sql)))',
    without: 'if (ROLE_CHANGE.test(""))',
    heldBy: GATE,
    noticedBy: ['database-role-change'],
  },
  {
    rule: 'a sign-in is bound to its ID token by a nonce',
    file: 'src/edge/provider.ts',
    check: 'nonce: attempt.nonce,\n      code_challenge:',
    without: 'code_challenge:',
    heldBy: EDGE,
    noticedBy: /sign/,
  },
  {
    rule: 'a token is signed',
    file: 'src/jwt/verify-token.ts',
    check: 'verifySignature(jws, key);',
    without: '',
    heldBy: [...ACCOUNTS, ...GATE],
    noticedBy: ['changed-token', 'resigned-token'],
  },
  {
    rule: 'a role does not change itself',
    file: 'src/gate/statements.ts',
    check: "if (isForbidden(sql)) return { kind: 'forbidden' };",
    without: '',
    heldBy: GATE,
    noticedBy: ['database-role-change'],
  },
  {
    rule: 'a service is the one that was expected',
    file: 'src/sdk/enforcement-point.ts',
    check: "if (this.verifyPeer(chain, 'server').id.toString() !== service.spiffeId)",
    without: 'if (chain.length === 0)',
    heldBy: EDGE,
    noticedBy: ['impostor-service'],
  },
  {
    rule: 'an entry matches by its selectors',
    file: 'src/agent/entry-index.ts',
    check: 'for (const entry of this.#bySelector.get(selector) ?? []) if (matches(entry, seen)) found.push(entry);',
    without: "if (selector !== '' && found.length === 0) found.push(...this.all());",
    heldBy: AGENT,
    noticedBy: ['unregistered-process'],
  },
  {
    rule: 'a token is of the kind that a place takes',
    file: 'src/jwt/verify-token.ts',
    check: 'if (header.typ !== TYP[kind])',
    without: 'if (header.typ === undefined)',
    heldBy: ACCOUNTS,
    noticedBy: ['other-kind-of-token'],
  },
  {
    rule: 'a workload has the role that is mapped to it',
    file: 'src/gate/reception.ts',
    check: 'const role = roles.get(peer);',
    without: "const role = roles.get(peer) ?? 'bank_a_accounts';",
    heldBy: GATE,
    noticedBy: ['database-unmapped-workload'],
  },
  {
    rule: 'what another site’s page sends is refused',
    file: 'src/edge/front-door.ts',
    check: 'assertSameOrigin(arrival);',
    without: '',
    heldBy: EDGE,
    noticedBy: ['cross-site-request'],
  },
  {
    rule: 'the Workload API asks for its security header',
    file: 'src/agent/api/security-header.ts',
    check: "if (values.length !== 1 || values[0] !== 'true')",
    without: 'if (values.length > 1)',
    heldBy: AGENT,
    noticedBy: /security header/,
  },
  {
    rule: 'a token is of a registered minter',
    file: 'src/jwt/verify-token.ts',
    check:
      "throw fault('MINTER_UNKNOWN', 'the token was not signed by a registered minter', { kid: shown(header.kid) });",
    without: '',
    heldBy: ACCOUNTS,
    noticedBy: ['unregistered-minter'],
  },
  {
    rule: 'a credential ends',
    file: 'src/gate/login-roles.ts',
    check: " VALID UNTIL '",
    without: " VALID UNTIL 'infinity' -- '",
    heldBy: GATE,
    noticedBy: /credential of a connection ends/,
  },
  {
    rule: 'a token opens rows of its own bank only',
    file: 'src/gate/set-context.ts',
    check: 'workload.verifyTxnToken(token, trustDomain)',
    without: "workload.verifyTxnToken(token, 'bank-a')",
    heldBy: GATE,
    noticedBy: ['database-foreign-token'],
  },
  {
    rule: 'a trust domain names its minters',
    file: 'src/server/register-minter.ts',
    check: 'one.spiffeId === spiffeId && ',
    without: '',
    heldBy: ['server'],
    noticedBy: /registers no minter/,
  },
  {
    rule: 'one token a request',
    file: 'src/sdk/incoming-fields.ts',
    check: "if (seen.has(normal)) throw new Fault(code, 'a field that carries an identity occurs twice');",
    without: '',
    heldBy: ACCOUNTS,
    noticedBy: ['doubled-token'],
  },
  {
    rule: 'the agent stamps a receipt with who left it',
    file: 'src/agent/api/enforcement-point.ts',
    check: 'stampReceipts(receiptsJson, via, trustDomains)',
    without: 'stampReceipts(receiptsJson, [], trustDomains)',
    heldBy: AGENT,
    noticedBy: /the agent attests/,
  },
  {
    rule: 'a service leaves receipts',
    file: 'src/sdk/exchange.ts',
    check: "report(receiptOf({ effect: 'allow', code: 'ALLOWED' }));",
    without: '',
    heldBy: ACCOUNTS,
    noticedBy: /service spiffe:\/\/bank-a\/account-service .* is in the ledger/,
  },
  {
    rule: 'a transaction leaves a receipt',
    file: 'src/gate/transactions.ts',
    check:
      "this.#receipts.leave({ effect: 'allow', code: 'ALLOWED', peer, role, resource, context, traceparent, ...how });",
    without: 'void [peer, role, resource, traceparent, how];',
    heldBy: GATE,
    noticedBy: /database spiffe:\/\/platform.example\/gate .* is in the ledger/,
  },
];
