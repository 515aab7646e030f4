// Every decoder of the standards' rooms, fed with rubbish, with sound input that was cut, flipped, doubled or spliced, and with structures that are
// almost right: it returns or throws a fault whose code is registered, within its time, and what it returns holds its own promises.
import assert from 'node:assert/strict';
import { createPublicKey, sign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { isReasonCode } from '#chain';
import { joseSignature, parseCompactJws, publicJwk, readPublicJwk } from '#jws';
import { isFault, readJson } from '#kernel';
import {
  formatBundle,
  formatBundleMap,
  formatSelector,
  jwtBundle,
  parseBundle,
  parseBundleMap,
  parseEndpointAddress,
  parseSelector,
  parseTrustDomain,
  SpiffeId,
  verifyJwtSvid,
  verifyWitSvid,
  verifyWorkloadProof,
  verifyX509Svid,
  witBundle,
  workloadProof,
  x509Bundle,
} from '#spiffe';
import { createCertificateRequest, parseCertificate, parseCertificateRequest, splitCertificates } from '#x509';
import {
  BANK_A,
  holder,
  jwt,
  jwtBundles,
  jwtKey,
  NOW,
  SECONDS,
  SUBJECT,
  wit,
  witBundles,
  witKey,
} from '../conformance/issuer.ts';
import { forge, newKey } from '../forge/certificate.ts';
import { forgeToken } from '../forge/token.ts';

const root = forge({ ca: true, uris: ['spiffe://bank-a'], pathLen: 1 });
const middle = forge({ ca: true, pathLen: 0, extKeyUsage: ['1.3.6.1.5.5.7.3.1'] }, root);
const leaf = forge({ uris: [SUBJECT], dnsNames: ['a.example'], extKeyUsage: ['1.3.6.1.5.5.7.3.1'] }, middle);
const bundles = new Map([['bank-a', x509Bundle(BANK_A, [root.der])]]);
const bundle = {
  trustDomain: BANK_A,
  x509: x509Bundle(BANK_A, [root.der, middle.der]),
  jwt: jwtBundle(BANK_A, new Map([['jwt-1', jwtKey.verifying]])),
  wit: witBundle(BANK_A, new Map([['wit-1', witKey.verifying]])),
  sequence: 2n ** 60n,
  refreshHintSeconds: 300,
};
const request = createCertificateRequest(newKey());
const TOKEN = wit();
const verified = verifyWitSvid({ token: TOKEN, bundles: witBundles, at: NOW });
const proof = workloadProof({ wit: TOKEN, algorithm: 'ES256', audience: 'a', jti: 'j', expiresAt: SECONDS + 60 });
const PROOF = forgeToken(holder, proof.header, proof.claims);

interface Decoder {
  readonly name: string;
  readonly decode: (input: Buffer) => unknown;
  /** Sound inputs to start from. */
  readonly seeds: readonly (Buffer | string)[];
  /** True where no changed input may be accepted as it is: signed documents. */
  readonly sealed?: true;
}

const text = (decode: (text: string) => unknown) => (input: Buffer) => decode(input.toString('latin1'));
const same = (input: string, output: unknown): void => assert.equal(`${output}`, input);

const DECODERS: readonly Decoder[] = [
  { name: 'JSON', decode: (input) => readJson(input), seeds: [formatBundle(bundle), '{"a":[1,"\\u00e9",null,true]}'] },
  { name: 'SPIFFE ID', decode: text((one) => same(one, SpiffeId.parse(one))), seeds: [SUBJECT, 'spiffe://td'] },
  { name: 'trust domain', decode: text((one) => same(one, parseTrustDomain(one))), seeds: ['bank-a.example'] },
  { name: 'selector', decode: text((one) => same(one, formatSelector(parseSelector(one)))), seeds: ['unix:uid:1000'] },
  { name: 'endpoint address', decode: text(parseEndpointAddress), seeds: ['unix:///run/a.sock', 'tcp://[::1]:80'] },
  { name: 'compact JWS', decode: text(parseCompactJws), seeds: [jwt(), wit(), PROOF] },
  {
    name: 'JWT-SVID',
    decode: text((token) => verifyJwtSvid({ token, audience: 'ledger', bundles: jwtBundles, at: NOW })),
    seeds: [jwt()],
    sealed: true,
  },
  {
    name: 'WIT-SVID',
    decode: text((token) => verifyWitSvid({ token, bundles: witBundles, at: NOW })),
    seeds: [wit()],
    sealed: true,
  },
  {
    name: 'workload proof',
    decode: text((one) => verifyWorkloadProof({ proof: one, wit: verified, audience: 'a', at: NOW })),
    seeds: [PROOF],
    sealed: true,
  },
  {
    name: 'JWK',
    decode: (input) => readPublicJwk(Object(readJson(input))),
    seeds: [JSON.stringify(publicJwk(newKey()))],
  },
  {
    name: 'ECDSA signature',
    decode: (input) => assert.equal(joseSignature(input).length, 64),
    seeds: [sign('sha256', Buffer.from('x'), newKey())],
  },
  {
    name: 'bundle',
    decode: (input) => parseBundle(formatBundle(parseBundle(input, BANK_A)), BANK_A),
    seeds: [formatBundle(bundle)],
  },
  {
    name: 'bundle map',
    decode: (input) => parseBundleMap(formatBundleMap(parseBundleMap(input).values())),
    seeds: [formatBundleMap([bundle])],
  },
  {
    name: 'certificate',
    decode: (input) => assert.ok(parseCertificate(input).der.equals(input)),
    seeds: [leaf.der, middle.der, root.der],
  },
  {
    name: 'concatenated certificates',
    decode: (input) => assert.ok(Buffer.concat(splitCertificates(input)).equals(input)),
    seeds: [Buffer.concat([leaf.der, middle.der])],
  },
  { name: 'certificate request', decode: parseCertificateRequest, seeds: [request], sealed: true },
  {
    name: 'X509-SVID',
    decode: (input) => verifyX509Svid({ chain: [input, middle.der], bundles, at: NOW }),
    seeds: [leaf.der],
    sealed: true,
  },
];

/** Runs the decoder; false when it refused. Anything but a registered fault is a defect. */
function accepted({ name, decode }: Decoder, input: Buffer): boolean {
  try {
    decode(input);
    return true;
  } catch (error) {
    if (isFault(error) && isReasonCode(error.code) && error.code !== 'INTERNAL_ERROR') return false;
    throw new assert.AssertionError({ message: `${name}: ${error} for ${input.toString('base64')}` });
  }
}

const INTERESTING = [0x00, 0x01, 0x7f, 0x80, 0x81, 0x82, 0xff, 0x30, 0x22, 0x5c, 0x7b, 0x2e, 0x2f, 0x25];

/** One change of a sound input. */
const change = fc.record({
  kind: fc.constantFrom('flip', 'set', 'cut', 'drop', 'double', 'splice'),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  length: fc.integer({ min: 1, max: 40 }),
  bit: fc.nat({ max: 7 }),
  byte: fc.oneof(fc.constantFrom(...INTERESTING), fc.nat({ max: 255 })),
  bytes: fc.uint8Array({ maxLength: 12 }),
});
type Change = typeof change extends fc.Arbitrary<infer One> ? One : never;

function changed(input: Buffer, { kind, at, length, bit, byte, bytes }: Change): Buffer {
  const position = Math.floor(at * input.length);
  const [before, after] = [input.subarray(0, position), input.subarray(position)];
  switch (kind) {
    case 'flip':
      return Buffer.concat([before, Buffer.from([(after[0] ?? 0) ^ (1 << bit)]), after.subarray(1)]);
    case 'set':
      return Buffer.concat([before, Buffer.from([byte]), after.subarray(1)]);
    case 'cut':
      return before;
    case 'drop':
      return Buffer.concat([before, after.subarray(length)]);
    case 'double':
      return Buffer.concat([before, after.subarray(0, length), after]);
    default:
      return Buffer.concat([before, bytes, after]);
  }
}

const RUNS = Number(process.env.FUZZ_RUNS ?? 400);
// The same seed each time, so that what fails can be seen again; FUZZ_SEED looks elsewhere.
const parameters = { numRuns: RUNS, seed: Number(process.env.FUZZ_SEED ?? 20260601) };

for (const decoder of DECODERS) {
  test(`${decoder.name}: accepts sound input`, () => {
    for (const seed of decoder.seeds) assert.ok(accepted(decoder, Buffer.from(seed)));
  });

  test(`${decoder.name}: changed input is refused with a fault or read`, () => {
    for (const seed of decoder.seeds.map((one) => Buffer.from(one))) {
      const property = fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const input = changes.reduce(changed, seed);
        const taken = accepted(decoder, input);
        if (decoder.sealed) assert.ok(!taken || input.equals(seed), `accepted: ${input.toString('base64')}`);
      });
      fc.assert(property, parameters);
    }
  });

  test(`${decoder.name}: rubbish is refused with a fault or read`, () => {
    const rubbish = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.json(),
    );
    fc.assert(
      fc.property(rubbish, (input) => void accepted(decoder, Buffer.from(input as string))),
      parameters,
    );
  });
}

/** A value of JSON, now and then of a kind that nobody expects there. */
const odd = fc.oneof(
  fc.constantFrom(null, true, 0, -1, 1.5, 2 ** 53, '', 'x', [], {}, [null], { a: null }, '__proto__', 'constructor'),
  fc.string(),
  fc.double(),
  fc.array(fc.string(), { maxLength: 3 }),
);
const mutatedObject = (sound: Readonly<Record<string, unknown>>) =>
  fc
    .array(fc.tuple(fc.constantFrom(...Object.keys(sound), '__proto__', 'crit', 'jwk'), odd), {
      minLength: 1,
      maxLength: 3,
    })
    .map((members) => {
      const all = new Map<string, unknown>(Object.entries(sound));
      for (const [name, value] of members) all.set(name, value);
      return Object.fromEntries(all);
    });

test('signed tokens whose header and claims hold anything: a verdict, never a crash', () => {
  const { header, claims } = {
    header: { alg: 'ES256', kid: 'jwt-1', typ: 'JWT' },
    claims: { sub: SUBJECT, aud: ['ledger'], exp: SECONDS + 60, iat: SECONDS, nbf: SECONDS },
  };
  fc.assert(
    fc.property(mutatedObject(header), mutatedObject(claims), (oddHeader, oddClaims) => {
      const token = forgeToken(jwtKey, oddHeader, oddClaims);
      const decode = (): unknown => verifyJwtSvid({ token, audience: 'ledger', bundles: jwtBundles, at: NOW });
      accepted({ name: 'JWT-SVID', decode, seeds: [] }, Buffer.from(token));
    }),
    parameters,
  );
});

test('signed WIT-SVIDs and proofs whose claims hold anything: a verdict, never a crash', () => {
  const jwk = { ...publicJwk(createPublicKey(holder.privateKey)), alg: 'ES256' };
  fc.assert(
    fc.property(mutatedObject(jwk), mutatedObject({ ...proof.claims, oth: { a: 'b' } }), (oddJwk, oddClaims) => {
      const token = wit({ cnf: { jwk: oddJwk } });
      const decode = (): unknown => verifyWitSvid({ token, bundles: witBundles, at: NOW });
      accepted({ name: 'WIT-SVID', decode, seeds: [] }, Buffer.from(token));
      const text = forgeToken(holder, proof.header, oddClaims);
      const decodeProof = (): unknown => verifyWorkloadProof({ proof: text, wit: verified, audience: 'a', at: NOW });
      accepted({ name: 'workload proof', decode: decodeProof, seeds: [] }, Buffer.from(text));
    }),
    parameters,
  );
});

test('bundles whose keys hold anything: nothing is trusted that was not there', () => {
  const { keys } = JSON.parse(formatBundle(bundle));
  const known = new Set(bundle.x509.authorities.map(({ der }) => der.toString('base64')));
  fc.assert(
    fc.property(
      fc.constantFrom(...keys.map(mutatedObject)).chain((one) => one as fc.Arbitrary<object>),
      (key) => {
        const decode = (): void => {
          const read = parseBundle(JSON.stringify({ keys: [key] }), BANK_A);
          for (const { der } of read.x509.authorities) assert.ok(known.has(der.toString('base64')));
          assert.ok(
            read.ignored.length +
              read.x509.authorities.length +
              read.jwt.authorities.size +
              read.wit.authorities.size ===
              1,
          );
        };
        accepted({ name: 'bundle', decode, seeds: [] }, Buffer.from(JSON.stringify(key)));
      },
    ),
    parameters,
  );
});

test('what is built to exhaust is refused at once', () => {
  const started = performance.now();
  const attacks: readonly (readonly [string, string | Buffer])[] = [
    ['JSON', '['.repeat(1_000_000)],
    ['JSON', `"${'\\'.repeat(999_999)}`],
    ['JSON', `{"a":${'9'.repeat(1_000_000)}}`],
    ['JSON', `[${'"a",'.repeat(200_000)}`],
    ['bundle', `{"keys":[],"spiffe_sequence":${'9'.repeat(900_000)}}`],
    ['bundle', `{"keys":[${'{},'.repeat(300_000)}{}]}`],
    ['SPIFFE ID', `spiffe://td/${'a/'.repeat(1_000_000)}`],
    ['JWT-SVID', '.'.repeat(1_000_000)],
    ['JWT-SVID', 'a'.repeat(8_000_000)],
    ['certificate', Buffer.from('308030803080'.repeat(50_000), 'hex')],
    ['certificate', Buffer.alloc(16_384, 0x30)],
    ['certificate', Buffer.from('3084ffffffff', 'hex')],
    ['concatenated certificates', Buffer.alloc(4_000_000, 0x30)],
    ['endpoint address', `unix:${'/'.repeat(1_000_000)}`],
    ['selector', ':'.repeat(1_000_000)],
  ];
  for (const [name, input] of attacks) {
    const decoder = DECODERS.find((one) => one.name === name);
    assert.ok(decoder !== undefined);
    const before = performance.now();
    accepted(decoder, Buffer.from(input));
    assert.ok(performance.now() - before < 5_000, `${name} took ${performance.now() - before} ms`);
  }
  assert.ok(performance.now() - started < 20_000);
});
