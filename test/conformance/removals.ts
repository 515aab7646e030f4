/** One rule of the source, and the same place without it. The test of its number must then fail. */
export interface Removal {
  readonly number: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly check: string;
  readonly without: string;
}

const SPIFFE_ID = 'src/spiffe/spiffe-id.ts';
const TRUST_DOMAIN = 'src/spiffe/trust-domain.ts';
const X509_SVID = 'src/spiffe/x509-svid.ts';
const PATH = 'src/x509/path.ts';
const JWT_SVID = 'src/spiffe/jwt-svid.ts';
const WIT_SVID = 'src/spiffe/wit-svid.ts';
const SVID_TOKEN = 'src/spiffe/svid-token.ts';
const COMPACT = 'src/jws/compact.ts';
const PARSE_BUNDLE = 'src/spiffe/parse-bundle.ts';
const FORMAT_BUNDLE = 'src/spiffe/format-bundle.ts';
const BUNDLE_MAP = 'src/spiffe/bundle-map.ts';
const ADDRESS = 'src/spiffe/endpoint-address.ts';

const SCHEME = "if (!text.startsWith('spiffe://')) throw invalid('does not start with spiffe://');";
const HOST = 'NAME.test(name)';
const SEGMENT = '/^[A-Za-z0-9._-]+$/';
const host = (number: string, alphabet: string): Removal => ({
  number,
  file: TRUST_DOMAIN,
  check: '/^[a-z0-9._-]+$/',
  without: alphabet,
});
const segment = (number: string, alphabet: string): Removal => ({
  number,
  file: SPIFFE_ID,
  check: SEGMENT,
  without: alphabet,
});
const at = (number: string, file: string, check: string, without: string): Removal => ({
  number,
  file,
  check,
  without,
});

export const REMOVALS: readonly Removal[] = [
  at('ID-1', SPIFFE_ID, SCHEME, ''),
  at('ID-2', TRUST_DOMAIN, HOST, "(name === '' || NAME.test(name))"),
  host('ID-3', '/^[a-z0-9._:@-]+$/'),
  host('ID-4', '/^[a-z0-9._-]+$/i'),
  host('ID-5', '/^[a-z0-9._!-]+$/'),
  host('ID-6', '/^[a-z0-9._%-]+$/'),
  host('ID-7', '/^[a-z0-9._:[\\]-]+$/'),
  segment('ID-8', '/^[A-Za-z0-9._?#=-]+$/'),
  segment('ID-9', '/^[A-Za-z0-9._%-]+$/'),
  at('ID-10', SPIFFE_ID, "segment === '.' || segment === '..'", 'false'),
  at('ID-11', SPIFFE_ID, "path.slice(1).split('/')", "path.slice(1).replace(/\\/$/, '').split('/')"),
  segment('ID-12', '/^[A-Za-z0-9._~-]+$/'),
  at('ID-13', 'src/kernel/limits.ts', 'spiffeIdBytes: { value: 2048', 'spiffeIdBytes: { value: 2047'),
  at('ID-14', SPIFFE_ID, 'text.length > LIMITS.spiffeIdBytes.value', 'false'),
  at('ID-14', TRUST_DOMAIN, 'name.length <= LIMITS.trustDomainBytes.value && ', ''),
  at(
    'ID-15',
    SPIFFE_ID,
    'return this.#text === other.#text',
    'return this.#text.toLowerCase() === other.#text.toLowerCase()',
  ),
  at('ID-16', 'src/authority/authority.ts', "|| id.path === ''", ''),
  at('ID-17', PATH, 'return isSignedBy(subject, issuer);', 'return true;'),
  at('ID-17', COMPACT, '|| !isSigned(jws, key.key)', ''),
  at('ID-18', JWT_SVID, "header.typ !== undefined && header.typ !== 'JWT' && header.typ !== 'JOSE'", 'false'),

  at(
    'X-1',
    'src/x509/profile.ts',
    "const names = [der(contextTag(6, false), Buffer.from(profile.uri, 'latin1'))];",
    'const names: Buffer[] = [];',
  ),
  at('X-2', X509_SVID, 'uri === undefined || second !== undefined', 'uri === undefined'),
  at('X-3', X509_SVID, "if (id.path === '') throw invalid('its id has no path');", ''),
  at('X-4', 'src/x509/profile.ts', 'emptySubject ? ALT_NAME_CRITICAL : ALT_NAME', 'ALT_NAME'),
  at('X-5', X509_SVID, "second !== undefined || id.path !== '' || id.trustDomain !== leaf.trustDomain", 'false'),
  at('X-6', X509_SVID, "if (leaf.isCa) throw invalid('it is of an authority');", ''),
  at('X-7', PATH, 'certificate.isCa && mayCertify && certificate', 'mayCertify && certificate'),
  at(
    'X-8',
    X509_SVID,
    'usage === undefined || !usage.critical || !usage.digitalSignature',
    'usage === undefined || !usage.digitalSignature',
  ),
  at('X-9', PATH, 'certificate.keyUsage === undefined || certificate.keyUsage.keyCertSign', 'true'),
  at('X-10', X509_SVID, ' || !usage.digitalSignature', ''),
  at('X-11', PATH, 'purpose === undefined || certificate.extKeyUsage === undefined', 'true'),
  at('X-12', PATH, 'return isSignedBy(subject, issuer);', 'return true;'),
  at('X-12', PATH, 'at < certificate.notBefore || at > certificate.notAfter', 'false'),
  at('X-12', PATH, 'if (issuer.pathLen !== undefined && intermediates > issuer.pathLen) return false;', ''),
  at('X-12', PATH, '&& certificate.unknownCritical.length === 0', ''),
  at('X-13', X509_SVID, 'usage.keyCertSign || usage.cRLSign', 'false'),
  at('X-14', SPIFFE_ID, SCHEME, ''),
  at(
    'X-15',
    X509_SVID,
    'roots: bundle.authorities',
    'roots: [...question.bundles.values()].flatMap((one) => one.authorities)',
  ),
  at('X-16', X509_SVID, 'const leaf = chain[0];', 'const leaf = chain.find((one) => !one.isCa);'),
  at('X-17', X509_SVID, "if (id.path === '') throw invalid('its id has no path');", ''),
  at('X-18', PARSE_BUNDLE, "case 'x509-svid':", "case 'x509-svid': case 'sig':"),
  at('X-18', FORMAT_BUNDLE, "use: 'x509-svid',\n    ...publicJwk", "use: 'x509-svid', kid: 'k',\n    ...publicJwk"),
  at('X-19', FORMAT_BUNDLE, "x5c: [der.toString('base64')]", "x5c: [der.toString('base64url')]"),
  at(
    'X-20',
    PARSE_BUNDLE,
    'const [text] = Array.isArray(jwk.x5c) ? jwk.x5c : [];',
    'const text = Array.isArray(jwk.x5c) ? jwk.x5c.at(-1) : undefined;',
  ),
  at(
    'X-21',
    PATH,
    "throw untrusted('the certificate does not chain to an authority of its trust domain');",
    'return [leaf];',
  ),
  at(
    'X-22',
    PATH,
    '(place > 0 && isSelfIssued(certificate)) || permitsNames',
    'certificate !== undefined || (place > 0 && isSelfIssued(certificate)) || permitsNames',
  ),

  at('J-1', COMPACT, '|| more !== undefined', ''),
  at('J-2', JWT_SVID, 'Object.keys(header).some((name) => !HEADER_MEMBERS.includes(name))', 'false'),
  at('J-3', COMPACT, 'findAlgorithm(header.alg);', "findAlgorithm(header.alg) ?? findAlgorithm('ES256');"),
  at('J-4', COMPACT, '!fitsAlgorithm(jws.algorithm, key) || ', ''),
  at(
    'J-5',
    SVID_TOKEN,
    "if (typeof header.kid === 'string' && header.kid !== '') return header.kid;",
    "return String(header.kid ?? 'jwt-1');",
  ),
  at('J-6', JWT_SVID, "header.typ !== undefined && header.typ !== 'JWT' && header.typ !== 'JOSE'", 'false'),
  at('J-7', SVID_TOKEN, "id === undefined || id.path === ''", 'id === undefined'),
  at('J-8', JWT_SVID, '!audience.includes(question.audience)', 'false'),
  at('J-8', JWT_SVID, 'list.length > 0 && list.every', 'list.every'),
  at('J-9', SVID_TOKEN, "if (now >= expiresAt) throw new Fault('TOKEN_EXPIRED', 'the token has expired');", ''),
  at('J-10', SVID_TOKEN, "readDate(claims.nbf, 'nbf') > now + leewaySeconds", 'false'),
  at('J-10', JWT_SVID, "readDate(claims.iat, 'iat') > question.at / 1000 + JWT_SVID_LEEWAY_SECONDS", 'false'),
  at(
    'J-11',
    PARSE_BUNDLE,
    "if (typeof kid !== 'string' || kid === '') return 'no kid';",
    "if (typeof kid !== 'string' || kid === '') return takeTokenKey(sorted, into, { ...jwk, kid: 'jwt-1' });",
  ),
  at(
    'J-12',
    SVID_TOKEN,
    'question.bundles.get(id.trustDomain)',
    'question.bundles.get(id.trustDomain) ?? [...question.bundles.values()][0]',
  ),
  at('J-12', PARSE_BUNDLE, "case 'jwt-svid':", "case 'jwt-svid': case 'sig':"),
  at(
    'J-13',
    SVID_TOKEN,
    "if (key === undefined) throw new Fault('TOKEN_KEY_UNKNOWN', 'the token was not signed by a key of its trust domain');",
    'if (key === undefined) return { jws, id, kid, key: [...question.bundles.values()].flatMap((one) => [...one.authorities.values()])[0] as VerifyingKey };',
  ),
  at('J-14', 'src/spiffe/jwt-request.ts', '/^Bearer +([^ ]+)$/i', '/([^ ]+)$/'),

  at('W-1', WIT_SVID, 'if (header.typ !== WIT_SVID_TYP)', 'if (false)'),
  at('W-2', PARSE_BUNDLE, "if (sorted.kids.has(kid)) throw invalid('two of its keys have one kid');", ''),
  at('W-3', COMPACT, 'findAlgorithm(header.alg);', "findAlgorithm(header.alg) ?? findAlgorithm('ES256');"),
  at('W-4', SVID_TOKEN, "id === undefined || id.path === ''", 'id === undefined'),
  at('W-5', WIT_SVID, "if (!fits(alg, key)) throw invalid('the algorithm does not fit the key of its holder');", ''),
  at(
    'W-5',
    'src/jws/jwk.ts',
    "if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) throw invalid('it holds a private key');",
    '',
  ),
  at('W-6', SVID_TOKEN, "if (now >= expiresAt) throw new Fault('TOKEN_EXPIRED', 'the token has expired');", ''),
  at('W-7', SVID_TOKEN, "readDate(claims.nbf, 'nbf') > now + leewaySeconds", 'false'),
  at(
    'W-8',
    'src/spiffe/workload-proof.ts',
    'isFirstUse?.(jti, expiresAt)',
    'isFirstUse?.(String(wit.claims.jti), expiresAt)',
  ),
  at('W-9', WIT_SVID, "if (claims.aud !== undefined) throw invalid('a WIT-SVID has no audience');", ''),
  at(
    'W-10',
    'src/spiffe/wit-request.ts',
    "if (!request.secure) throw new Fault('TOKEN_PROOF_INVALID', 'a WIT-SVID is not taken from an open connection');",
    '',
  ),
  at('W-10', 'src/spiffe/wit-request.ts', "request.header('authorization').some(isWit)", 'false'),
  at('W-10', 'src/spiffe/workload-proof.ts', 'verifySignature(jws, confirmation.key);', ''),
  at('W-10', 'src/spiffe/workload-proof.ts', 'claims.aud !== audience', 'false'),
  at('W-10', 'src/spiffe/workload-proof.ts', '!isHash(claims.wth, wit.tokenHash)', 'false'),
  at('W-10', 'src/spiffe/workload-proof.ts', 'end > now + LIMITS.proofSeconds.value', 'false'),
  at('W-11', 'src/spiffe/workload-proof.ts', 'jws.header.alg !== confirmation.algorithm', 'false'),
  at('W-12', PARSE_BUNDLE, "case 'wit-svid':", "case 'wit-svid': case 'x509-svid ':\n    case undefined:"),
  at('W-13', COMPACT, 'header.crit !== undefined || header.b64 !== undefined', 'false'),

  at(
    'B-1',
    PARSE_BUNDLE,
    "if (!isJsonObject(value)) throw invalid('it is no JSON object');",
    'if (!isJsonObject(value)) return readBundle({ keys: [] }, trustDomain);',
  ),
  at('B-2', PARSE_BUNDLE, '{ bigIntegers: true }', '{}'),
  at(
    'B-3',
    PARSE_BUNDLE,
    "readWholeNumber(value.spiffe_refresh_hint, 'spiffe_refresh_hint')",
    'value.spiffe_refresh_hint as bigint | undefined',
  ),
  at(
    'B-4',
    PARSE_BUNDLE,
    "if (!Array.isArray(keys)) throw invalid('it has no list of keys');",
    'if (!Array.isArray(keys)) return readBundle({ ...value, keys: [] }, trustDomain);',
  ),
  at(
    'B-5',
    PARSE_BUNDLE,
    "if (!isKnownKeyType(jwk.kty)) return 'a kty that is not known here';",
    "if (!isKnownKeyType(jwk.kty)) throw invalid('an unknown kty');",
  ),
  at(
    'B-6',
    PARSE_BUNDLE,
    "if (!isKnownKeyType(jwk.kty)) return 'a kty that is not known here';",
    "if (!isKnownKeyType(jwk.kty)) throw invalid('an unknown kty');",
  ),
  at('B-7', PARSE_BUNDLE, 'switch (jwk.use) {', "switch (String(jwk.use ?? 'jwt-svid').toLowerCase()) {"),
  at(
    'B-8',
    FORMAT_BUNDLE,
    '({ use, kid, ...publicJwk(key) })',
    "({ use, kid, ...publicJwk(key), kty: undefined as unknown as 'EC' })",
  ),
  at(
    'B-9',
    BUNDLE_MAP,
    "if (!isJsonObject(trustDomains)) throw new Fault('BUNDLE_INVALID', 'not a bundle map: it has no trust_domains');",
    'if (!isJsonObject(trustDomains)) return new Map();',
  ),
  at('B-10', 'src/kernel/json.ts', "if (found.has(name)) throw invalid('a member occurs twice');", ''),
  at(
    'B-11',
    BUNDLE_MAP,
    'return [trustDomain, rest];',
    'return [trustDomain, { ...rest, refreshHintSeconds: _ ?? 0 }];',
  ),
  at('B-11', FORMAT_BUNDLE, 'formatBundle(rest)', 'formatBundle(bundle)'),

  at('E-5', ADDRESS, 'given ?? environment', 'environment ?? given'),
  at('E-6', ADDRESS, '/^unix:(?:', '/^(?:unix|npipe):(?:'),
  at('E-7', ADDRESS, '(\\/(?!\\/)[^?#]*)$', '(\\/.*)$'),
  at('E-8', ADDRESS, 'isIP(host) === (ipv6 === undefined ? 4 : 6) && ', ''),

  at(
    'A-5',
    'src/sdk/identity.ts',
    'const bundles = new Map<string, ReturnType<typeof x509Bundle>>();',
    'const bundles = new Map<string, ReturnType<typeof x509Bundle>>(this.#bundles);',
  ),
  at(
    'A-7',
    'src/agent/node.ts',
    'if (first !== undefined) return [first, ...others];',
    'if (first !== undefined || !first) return [first, ...others] as never;',
  ),
  at('A-8', 'src/agent/api/x509-profile.ts', 'x509SvidKey: keyDer,', 'x509SvidKey: Buffer.alloc(0),'),
  at('A-9', 'src/agent/api/hints.ts', "if (taken.has(hint)) return '';", ''),
  at(
    'A-10',
    'src/agent/api/x509-profile.ts',
    'return Object.fromEntries([...bundles].map(([name, bundle]) => [`spiffe://',
    'return Object.fromEntries([...bundles].map(([name, bundle]) => [`',
  ),
  at('A-12', SVID_TOKEN, 'bundle === undefined || bundle.use !== question.use', 'bundle === undefined'),
  at(
    'A-18',
    X509_SVID,
    'const bundle = question.bundles.get(id.trustDomain);',
    'const bundle = question.bundles.get(id.trustDomain) ?? [...question.bundles.values()][0];',
  ),
  at(
    'A-21',
    'src/agent/node.ts',
    'if (first !== undefined) return [first, ...others];',
    'if (first !== undefined || !first) return [first, ...others] as never;',
  ),
  // Sorted twice, by trust domain and overall: turned round here.
  at(
    'A-22',
    'src/agent/node.ts',
    '(b.entry.priority ?? 0) - (a.entry.priority ?? 0)',
    '(a.entry.priority ?? 0) - (b.entry.priority ?? 0)',
  ),
  at(
    'E-2',
    'src/agent/api/security-header.ts',
    "values.length !== 1 || values[0] !== 'true'",
    "values[0]?.toLowerCase() !== 'true'",
  ),
  at('E-3', 'src/sdk/follow.ts', "if (faultCode(error) === 'IDENTITY_HEADER_MISSING') return;", ''),
  at('E-3', 'src/sdk/enforcement-point.ts', "metadata: { 'workload.spiffe.io': 'true' }", 'metadata: {}'),
  at(
    'E-10',
    'src/agent/node.ts',
    'if (this.options.memberships.some(({ resources }) => resources.revision === 0n))',
    'if (Date.now() < 0)',
  ),

  at(
    'F-2',
    X509_SVID,
    'roots: bundle.authorities',
    'roots: [...question.bundles.values()].flatMap((one) => one.authorities)',
  ),
  at(
    'F-1',
    'src/authority/rotation.ts',
    'prepareAt: notAfter - Math.min(lifetime / 2, 30 * DAY)',
    'prepareAt: notAfter - Math.min(lifetime / 6, 7 * DAY)',
  ),

  at(
    'A-3',
    'src/agent/api/x509-profile.ts',
    'const svids = identities.map(',
    'const svids = identities.slice(0, 1).map(',
  ),
  at(
    'A-4',
    'src/agent/api/stated.ts',
    'if (seen.fingerprint !== before?.fingerprint) yield',
    'if (before !== undefined && seen.fingerprint !== before.fingerprint) yield',
  ),
  at(
    'A-11',
    'src/agent/bundles.ts',
    '[...ownBundles(entitled), ...federatedBundles(entitled)]',
    '[...federatedBundles(entitled)]',
  ),
  at('A-1', 'src/agent/api/workload-api.ts', '...jwtProfile(node, options), ', ''),
  at(
    'A-13',
    'src/agent/api/jwt-profile.ts',
    'const asked = entitled.filter(',
    'const asked = entitled; entitled.filter(',
  ),
  at('A-14', 'src/agent/api/hints.ts', "if (taken.has(hint)) return '';", ''),
  at(
    'A-15',
    'src/agent/api/jwt-profile.ts',
    'tokenJwks(allBundles(entitled), jwtBundleOf)',
    'tokenJwks(federatedBundles(entitled), jwtBundleOf)',
  ),
  at(
    'A-17',
    SVID_TOKEN,
    'question.bundles.get(id.trustDomain)',
    'question.bundles.get(id.trustDomain) ?? [...question.bundles.values()][0]',
  ),
  at('A-20', 'src/agent/api/wit-profile.ts', 'witSvidKey: keyJwk,', "witSvidKey: '{}',"),
  at(
    'A-6',
    'src/agent/api/audiences.ts',
    "if (audience.length === 0 || audience.includes('')) throw new Fault('ARGUMENT_INVALID', 'audience must be specified');",
    "if (audience.length === 0 || audience.includes('')) return ['anything'];",
  ),
  at('A-16', 'src/agent/token-verifier.ts', 'if (!known.verified.audience.includes(audience))', 'if (at < 0)'),
  at('A-16', COMPACT, '|| !isSigned(jws, key.key)', ''),
  at(
    'F-3',
    'src/server/federation/federation-follower.ts',
    "if (profile.type === 'https_web')",
    "if (profile.type === 'https_web') throw new Fault('METHOD_UNIMPLEMENTED', ''); else if (clock.now() < 0)",
  ),
  at('F-4', 'src/server/federation/https-listener.ts', 'ciphers: CIPHERS,', "ciphers: 'DEFAULT@SECLEVEL=0',"),
  at(
    'F-5',
    'src/config/schemas.ts',
    'bundleEndpointUrl: httpsUrl,',
    "bundleEndpointUrl: httpsUrl.default('https://bank-a.example/'),",
  ),
  at('F-6', 'src/registry/federation.ts', "url.username !== '' || url.password !== ''", 'false'),
  at('F-6', 'src/registry/federation.ts', '!/^https:\\/\\/[^/?#]/i.test(text)', 'false'),
  at(
    'F-7',
    'src/server/federation/fetch-bundle.ts',
    "rejectUnauthorized: proof.type === 'https_web'",
    'rejectUnauthorized: false',
  ),
  at('F-9', 'src/server/federation/bundle-endpoint.ts', 'if (served?.of !== of)', 'if (served === undefined)'),
  at(
    'F-10',
    'src/server/federation/fetch-bundle.ts',
    'response.statusCode !== 200',
    '(response.statusCode ?? 500) >= 400',
  ),
  at(
    'F-11',
    'src/registry/federation.ts',
    "profile.type === 'https_spiffe' && !isSpiffeIdText(profile.endpointSpiffeId)",
    'false',
  ),
  at('F-12', 'src/server/federation/federation-follower.ts', 'if (!id.equals(expected))', 'if (clock.now() < 0)'),
  at(
    'F-13',
    'src/server/federation/federation-follower.ts',
    "const { id } = verifyX509Svid({ chain, bundles, at: clock.now(), purpose: 'server' });",
    'const id = expected;',
  ),
  at(
    'F-14',
    'src/server/federation/federation-follower.ts',
    'if (known === undefined)\n      throw new Fault(',
    "if (known === undefined) return { type: 'https_spiffe', verify: () => undefined };\n    if (known.sequence < 0)\n      throw new Fault(",
  ),
  at(
    'F-15',
    'src/registry/federated-bundle.ts',
    'known !== undefined && isOlderSequence(bundle.sequence, known.sequence)',
    'false',
  ),

  // What the standard keeps out has no rule to take away: here it is put in.
  at('A-2', 'src/wire/gen/workloadapi.ts', 'name: "FetchJWTBundles",', 'name: "FetchMore",'),
  at('A-19', 'src/agent/api/workload-api.ts', '...witProfile(node)', ''),
  at(
    'E-4',
    'src/rpc/serve-unix.ts',
    'serveConnection(socket, methods,',
    "serveConnection(new (process.getBuiltinModule('node:tls').TLSSocket)(socket, { isServer: true }), methods,",
  ),
  at('E-1', 'src/agent/start-agent.ts', 'path: workloadSocket,', "path: workloadSocket + '.elsewhere',"),
  at(
    'E-9',
    'src/agent/api/security-header.ts',
    "values[0] !== 'true'",
    "values[0] !== 'true' || metadata.all('authorization').length === 0",
  ),
  at('E-11', 'src/rpc/grpc-call.ts', 'STATUS_CODE.UNIMPLEMENTED', 'STATUS_CODE.NOT_FOUND'),
  at('E-12', 'src/agent/start-agent.ts', ', ...reflectionServices<PeerCredentials>([...names, health.fullName])', ''),
  at('E-13', 'src/agent/start-agent.ts', 'enforcementPoint(node),', ''),
  at(
    'F-8',
    'src/server/federation/https-listener.ts',
    'requestCert: false,',
    'requestCert: true, rejectUnauthorized: true,',
  ),
];
