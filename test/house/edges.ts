/**
 * Every allowed edge between the rooms of `src/`, lowest floor first. A room may import itself, the rooms listed, and nothing else.
 * The house test holds this table against the code's real imports in both directions: an import that is not listed fails, and so
 * does a listed edge that no import uses.
 */
export const EDGES: Readonly<Record<string, readonly string[]>> = {
  // floor 0
  kernel: [],
  chain: ['kernel'],
  x509: ['kernel'],
  jws: ['kernel'],
  wire: ['kernel', 'chain'],
  jwt: ['kernel', 'wire', 'chain', 'spiffe', 'jws'],
  spiffe: ['kernel', 'x509', 'jws'],
  http: ['kernel'],
  rpc: ['kernel', 'chain', 'wire'],
  config: ['kernel', 'spiffe', 'wire'],
  // floor 1
  policy: ['kernel', 'chain', 'wire'],
  attestation: ['kernel', 'spiffe'],
  authority: ['kernel', 'jws', 'spiffe', 'x509'],
  registry: ['kernel', 'spiffe', 'wire'],
  routing: ['kernel', 'http'],
  ledger: ['kernel', 'chain'],
  // wing
  sdk: ['kernel', 'chain', 'spiffe', 'x509', 'jwt', 'wire', 'http', 'policy'],
  // floor 2
  plugins: ['kernel', 'jws', 'x509', 'authority', 'attestation', 'registry', 'ledger', 'spiffe', 'wire', 'rpc'],
  // floor 3
  server: [
    'kernel',
    'jws',
    'chain',
    'x509',
    'spiffe',
    'wire',
    'rpc',
    'config',
    'policy',
    'attestation',
    'authority',
    'registry',
    'ledger',
    'plugins',
  ],
  agent: ['kernel', 'chain', 'x509', 'jws', 'spiffe', 'wire', 'rpc', 'attestation', 'plugins'],
  edge: ['kernel', 'chain', 'spiffe', 'jwt', 'wire', 'http', 'config', 'routing', 'sdk'],
  gate: ['kernel', 'chain', 'x509', 'spiffe', 'wire', 'sdk'],
  up: ['kernel', 'chain', 'spiffe', 'wire', 'rpc', 'config', 'routing', 'plugins'],
  cli: ['kernel', 'chain', 'spiffe', 'wire', 'config', 'up', 'server'],
};

/** What the closure of `hauberk/sdk` may import from node_modules: a service must not install a server. */
/** `pg` is an optional peer, loaded when a service opens a database. */
export const SDK_PACKAGES: readonly string[] = ['@bufbuild/protobuf', 'pg'];
