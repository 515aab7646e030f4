import { differs, type Script } from '../both.ts';

const json = ['-output', 'json'];
const minted = ['-spiffeID', 'spiffe://bank-a/minted'];
const jwt = ['jwt', 'mint'];
const x509 = ['x509', 'mint'];
const token = ['token', 'generate'];

const NEGATIVE = 'SPIRE takes a negative lifetime for none given; ours refuses it';
const LEVELS = 'SPIRE has seven levels, ours four: the nearest is set, and told';

/** Every id that none may mint. */
export const bad = [
  'spiffe://other/minted',
  'spiffe://bank-a',
  'minted',
  'spiffe://bank-a/a//b',
  'spiffe://bank-a/spire/server',
  'spiffe://bank-a/spire/agent/x',
];

export const mintCommands: Script = {
  steps: [
    { run: jwt },
    { run: [...jwt, ...minted] },
    { run: [...jwt, ...minted, '-audience', 'db'] },
    { run: [...jwt, ...minted, '-audience', 'db', '-audience', 'api', '-ttl', '30s', ...json] },
    differs(
      [...jwt, ...minted, '-audience', ''],
      'SPIRE answers a mistake of the caller with Internal; ours says what it is',
      [1, /code = Internal/],
      [1, /code = InvalidArgument/],
    ),
    differs(
      [...jwt, ...minted, '-audience', 'db', '-ttl', '-30s'],
      NEGATIVE,
      [0, /^ey/],
      [1, /code = InvalidArgument/],
    ),
    { run: [...jwt, ...minted, '-audience', 'db', '-write', '{files}/token'] },
    ...bad.map((id) => ({ run: [...jwt, '-spiffeID', id, '-audience', 'db'] })),
    { run: x509 },
    { run: [...x509, ...minted] },
    { run: [...x509, ...minted, '-ttl', '30s', '-dns', 'a.local', '-dns', '*.b.local', ...json] },
    differs(
      [...x509, ...minted, '-dns', 'a b'],
      'SPIRE signs a DNS name that is none; ours refuses it',
      [0, /X509-SVID:/],
      [1, /code = InvalidArgument/],
    ),
    { run: [...x509, ...minted, '-dns', 'a.b.local', '-dns', '*.b.local'] },
    { run: [...x509, ...minted, '-dns', 'a.local', '-dns', 'a.local'] },
    differs([...x509, ...minted, '-ttl', '-30s'], NEGATIVE, [0, /X509-SVID:/], [1, /code = InvalidArgument/]),
    { run: [...x509, ...minted, '-ttl', '8760h'] },
    { run: [...x509, ...minted, '-write', '{files}'] },
    ...bad.map((id) => ({ run: [...x509, '-spiffeID', id] })),
    { run: token },
    { run: [...token, ...json] },
    { run: [...token, '-spiffeID', 'spiffe://bank-a/node/one', '-ttl', '60'] },
    differs(
      ['entry', 'show', '-spiffeID', 'spiffe://bank-a/node/one'],
      'SPIRE makes an entry of the id that a join token gives; ours keeps the id with the token and the agent',
      [0, /Found 1 entry[\s\S]*spiffe_id:spiffe:/],
      [0, /Found 0 entries/],
    ),
    { run: [...token, '-ttl', '0'] },
    { run: [...token, '-ttl', '-1'] },
    ...bad.map((id) => ({ run: [...token, '-spiffeID', id] })),
    { run: ['logger', 'get'] },
    { run: ['logger', 'get', ...json] },
    { run: ['logger', 'set'] },
    { run: ['logger', 'set', '-level', 'loud'] },
    { run: ['logger', 'set', '-level', 'debug'] },
    differs(['logger', 'set', '-level', 'trace', ...json], LEVELS, [0, /"TRACE"/], [0, /"DEBUG"/]),
    ...['panic', 'fatal'].map((level) =>
      differs(['logger', 'set', '-level', level], LEVELS, [0, new RegExp(`: ${level}`)], [0, /: error/]),
    ),
    ...['error', 'warn', 'info'].map((level) => ({ run: ['logger', 'set', '-level', level] })),
    { run: ['logger', 'reset'] },
    { run: ['logger', 'reset', ...json] },
    { run: ['healthcheck'] },
    { run: ['healthcheck', '-verbose'] },
    { run: ['healthcheck', '-shallow'] },
    differs(
      ['debug', 'getinfo'],
      'SPIRE counts its own bundle and the entry of the join token, and tells the root above its SVID too',
      [0, /Entries: +1\n +Federated Bundles: +1\n[\s\S]*\/spire\/server\n +Subject: +O=SPIRE,C=US[\s\S]*\[1\]/],
      [0, /Entries: +0\n +Federated Bundles: +0\n[\s\S]*\/spire\/server\n +Subject: +O=SPIRE,C=US/],
    ),
  ],
};
