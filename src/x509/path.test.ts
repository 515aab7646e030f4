import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import { extension, type Forged, type Forgery, forge, NOW, newKey } from '../../test/forge/certificate.ts';
import { parseCertificate } from './certificate.ts';
import { contextTag } from './der-reader.ts';
import { der, integer, oid, sequence, setOf } from './der-writer.ts';
import { OID } from './oids.ts';
import { verifyPath } from './path.ts';
import { encodeName } from './profile.ts';

const verify = (chain: readonly Forged[], root: Forged): void => {
  const path = { chain: chain.map((one) => parseCertificate(one.der)), roots: [parseCertificate(root.der)], at: NOW };
  verifyPath(path);
};
const accepts = (chain: readonly Forged[], root: Forged): void => assert.doesNotThrow(() => verify(chain, root));
const refuses = (chain: () => readonly Forged[], root: Forged): void =>
  assert.throws(
    () => verify(chain(), root),
    (error) => ['PEER_CHAIN_UNTRUSTED', 'DER_INVALID'].includes(faultCode(error) ?? ''),
  );

const uri = (text: string): Buffer => der(contextTag(6, false), Buffer.from(text));
const dns = (text: string): Buffer => der(contextTag(2, false), Buffer.from(text));
const email = (text: string): Buffer => der(contextTag(1, false), Buffer.from(text));
/** A registered id: a form of name that is not evaluated. */
const registered = der(contextTag(8, false), Buffer.from([0x2a]));
const address = (hex: string): Buffer => der(contextTag(7, false), Buffer.from(hex, 'hex'));
const directory = (name: Buffer): Buffer => der(contextTag(4, true), name);
const cn = (text: string): Buffer => encodeName([[OID.commonName, text]]);
const trees = (number: number, bases: readonly Buffer[]): readonly Buffer[] =>
  bases.length === 0 ? [] : [der(contextTag(number, true), Buffer.concat(bases.map((base) => sequence(base))))];
const constrained = (permitted: readonly Buffer[], excluded: readonly Buffer[] = [], more: Forgery = {}): Forgery => ({
  ca: true,
  ...more,
  extra: [extension(OID.nameConstraints, true, sequence(...trees(0, permitted), ...trees(1, excluded)))],
});

/** Constraint, name, verdict. */
const names: readonly (readonly [string, Forgery, Forgery, boolean])[] = [
  ['a DNS name of its host', constrained([dns('example.com')]), { dnsNames: ['example.com'] }, true],
  ['a DNS name below', constrained([dns('example.com')]), { dnsNames: ['a.b.example.com'] }, true],
  ['a DNS name that only ends alike', constrained([dns('example.com')]), { dnsNames: ['not-example.com'] }, false],
  [
    'an excluded DNS name as second',
    constrained([], [dns('x.example.com')]),
    { dnsNames: ['example.com', 'x.example.com'] },
    false,
  ],
  ['a DNS name permitted and excluded', constrained([dns('a')], [dns('a')]), { dnsNames: ['a'] }, false],
  ['a DNS name with a leading dot', constrained([dns('example.com')]), { dnsNames: ['.example.com'] }, false],
  ['a DNS constraint with a leading dot', constrained([dns('.example.com')]), { dnsNames: ['a.example.com'] }, false],
  ['a DNS constraint with a wildcard', constrained([dns('*.example.com')]), { dnsNames: ['a.example.com'] }, false],
  [
    'a DNS name where addresses are constrained',
    constrained([address('c0000200ffffff00')]),
    { dnsNames: ['a.example'] },
    true,
  ],
  ['an IPv4 address within', constrained([address('c0000200ffffff00')]), { altNames: [address('c0000201')] }, true],
  ['an IPv4 address outside', constrained([address('c0000200ffffff00')]), { altNames: [address('c0000301')] }, false],
  [
    'an excluded IPv6 address',
    constrained([], [address(`${'00'.repeat(15)}01${'ff'.repeat(16)}`)]),
    { altNames: [address(`${'00'.repeat(15)}01`)] },
    false,
  ],
  [
    'an address with mask as name',
    constrained([address('c0000200ffffff00')]),
    { altNames: [address('c0000200ffffff00')] },
    false,
  ],
  [
    'an address constraint without mask',
    constrained([address('c0000201')]),
    { altNames: [address('c0000201')] },
    false,
  ],
  [
    'an address constraint whose mask has a hole',
    constrained([address('c0000200ff00ff00')]),
    { altNames: [address('c0000201')] },
    false,
  ],
  ['a mailbox', constrained([email('foo@example.com')]), { altNames: [email('foo@EXAMPLE.com')] }, true],
  [
    'a mailbox of another name',
    constrained([email('foo@example.com')]),
    { altNames: [email('Foo@example.com')] },
    false,
  ],
  ['a mailbox of the host', constrained([email('example.com')]), { altNames: [email('a@example.com')] }, true],
  ['a mailbox of a host below', constrained([email('example.com')]), { altNames: [email('a@b.example.com')] }, false],
  ['a mailbox below', constrained([email('.example.com')]), { altNames: [email('a@b.example.com')] }, true],
  [
    'a mailbox at the top of what is below',
    constrained([email('.example.com')]),
    { altNames: [email('a@example.com')] },
    false,
  ],
  ['a malformed mailbox', constrained([email('example.com')]), { altNames: [email('a@b@example.com')] }, false],
  ['a malformed mailbox constraint', constrained([email('a@b@example.com')]), {}, false],
  [
    'a mailbox in the subject',
    constrained([email('example.com')]),
    { subjectName: encodeName([[OID.emailAddress, 'a@other.example']]) },
    false,
  ],
  ['a directory name', constrained([directory(cn('foo'))]), { subjectName: cn('foo') }, true],
  ['a directory name in other letters', constrained([directory(cn('foo'))]), { subjectName: cn(' FOO  ') }, true],
  [
    'a directory name below',
    constrained([directory(encodeName([[OID.country, 'US']]))]),
    {
      subjectName: encodeName([
        [OID.country, 'US'],
        [OID.commonName, 'x'],
      ]),
    },
    true,
  ],
  ['another directory name', constrained([directory(cn('foo'))]), { subjectName: cn('not foo') }, false],
  [
    'another directory name beside a permitted subject',
    constrained([directory(cn('foo'))]),
    { subjectName: cn('foo'), altNames: [directory(cn('bar'))] },
    false,
  ],
  [
    'an excluded subject beside another directory name',
    constrained([], [directory(cn('foo'))]),
    { subjectName: cn('foo'), altNames: [directory(cn('bar'))] },
    false,
  ],
  ['a URI without host', constrained([uri('example.com')]), { altNames: [uri('urn:x')] }, false],
  [
    'a URI without host where DNS names are constrained',
    constrained([dns('example.com')]),
    { altNames: [uri('urn:x')] },
    true,
  ],
  ['a constraint of a form that no name has', constrained([], [registered]), {}, true],
  [
    'a name of a form that is constrained and unknown',
    constrained([], [registered]),
    { altNames: [registered] },
    false,
  ],
  ['a wildcard within', constrained([dns('example.com')]), { dnsNames: ['*.example.com'] }, true],
  ['a wildcard beside', constrained([], [dns('example.org')]), { dnsNames: ['*.example.com'] }, true],
  [
    'a wildcard that stands for an excluded host (CVE-2025-61727)',
    constrained([dns('example.com')], [dns('bar.example.com')]),
    { dnsNames: ['*.example.com'] },
    false,
  ],
  [
    'a wildcard that is wider than what is permitted',
    constrained([dns('foo.example.com')]),
    { dnsNames: ['*.example.com'] },
    false,
  ],
];
for (const [what, authority, leaf, good] of names)
  test(`name constraints: ${good ? 'accepts' : 'rejects'} ${what}`, () => {
    const root = forge(authority);
    const chain = (): readonly Forged[] => [forge(leaf, root)];
    if (good) accepts(chain(), root);
    else refuses(chain, root);
  });

test('name constraints: do not bind an authority that issues to itself, but bind the leaf', () => {
  const root = forge(constrained([dns('example.com')], [], { subject: 'same' }));
  const rollover = forge({ ca: true, subject: 'same', dnsNames: ['other.example'] }, root);
  accepts([forge({ dnsNames: ['example.com'] }, rollover), rollover], root);
  refuses(() => [forge({ subject: 'same', dnsNames: ['other.example'] }, rollover), rollover], root);
});

test('name constraints: more comparisons than the limit are refused at once', () => {
  const many = Array.from({ length: 200 }, (_, at) => directory(cn(`${at}`)));
  const root = forge(constrained(many));
  accepts([forge({ subject: '7', altNames: many.slice(0, 90) }, root)], root);
  refuses(() => [forge({ subject: '7', altNames: many }, root)], root);
});

test('name constraints: those of each authority bind, whichever is wider', () => {
  const root = forge({ ca: true });
  for (const [outer, inner] of [
    [['foo', 'bar'], ['bar']],
    [['bar'], ['foo', 'bar']],
  ] as const) {
    const first = forge(constrained(outer.map(dns)), root);
    const second = forge(constrained(inner.map(dns)), first);
    accepts([forge({ dnsNames: ['bar'] }, second), first, second], root);
    refuses(() => [forge({ dnsNames: ['foo'] }, second), first, second], root);
  }
});

test('an anchor that does not do ends no search: another path to another anchor does', () => {
  const key = newKey();
  const other = forge({ ca: true });
  const expired = forge({ ca: true, subject: 'rollover', key, notAfter: NOW - 1000 });
  const crossSigned = forge({ ca: true, subject: 'rollover', key }, other);
  const leaf = forge({}, expired);
  const roots = [expired, other].map((one) => parseCertificate(one.der));
  for (const chain of [
    [leaf, expired, crossSigned],
    [leaf, crossSigned, expired],
    [leaf, crossSigned],
  ]) {
    const path = verifyPath({ chain: chain.map((one) => parseCertificate(one.der)), roots, at: NOW });
    assert.ok(path.at(-1)?.der.equals(other.der));
  }
  assert.throws(
    () => verifyPath({ chain: [leaf, expired].map((one) => parseCertificate(one.der)), roots, at: NOW }),
    (error) => faultCode(error) === 'PEER_CERTIFICATE_EXPIRED',
  );
});

test('authorities that issue to each other end nowhere', () => {
  const root = forge({ ca: true });
  const [key, otherKey] = [newKey(), newKey()];
  const seed = forge({ ca: true, subject: 'one', key });
  const second = forge({ ca: true, subject: 'two', key: otherKey }, seed);
  const first = forge({ ca: true, subject: 'one', key }, second);
  refuses(() => [forge({}, first), first, second], root);
  refuses(() => [forge({}, first), ...Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? first : second))], root);
});

test('names are compared by what they say: letters, blanks and kind of string do not matter', () => {
  const utf8 = (text: string): Buffer => sequence(setOf(sequence(oid(OID.commonName), der(0x0c, Buffer.from(text)))));
  const root = forge({ ca: true, subject: 'Our Root' });
  for (const issuerName of [utf8('Our Root'), cn('our root'), cn('  OUR   ROOT ')])
    accepts([forge({ issuerName }, root)], root);
  for (const issuerName of [
    cn('OurRoot'),
    encodeName([[OID.organization, 'Our Root']]),
    encodeName([
      [OID.commonName, 'Our Root'],
      [OID.commonName, 'x'],
    ]),
  ])
    refuses(() => [forge({ issuerName }, root)], root);
});

test('rejects what a certificate cannot say of itself', () => {
  const root = forge({ ca: true });
  const nameless = forge({ ca: true, subjectName: encodeName([]) });
  accepts([forge({}, root)], root);
  refuses(() => [forge({ keyUsage: ['digitalSignature', 'keyCertSign'] }, root)], root);
  refuses(() => [forge({ ...constrained([dns('a')]), ca: false }, root)], root);
  refuses(() => [forge({}, nameless)], nameless);
});

test('policy constraints bind, critical or not', () => {
  const root = forge({ ca: true });
  const demands = sequence(der(contextTag(0, false), Buffer.from([0])));
  for (const critical of [true, false]) {
    const demanding = extension(OID.policyConstraints, critical, demands);
    const authority = forge({ ca: true, extra: [policies(P1), demanding] }, root);
    accepts([forge({ extra: [policies(P1)] }, authority), authority], root);
    refuses(() => [forge({}, authority), authority], root);
  }
});

const P1 = '1.3.6.1.4.1.99999.2.1';
const P2 = '1.3.6.1.4.1.99999.2.2';
const policies = (...ids: readonly string[]): Buffer =>
  extension(OID.certificatePolicies, true, sequence(...ids.map((id) => sequence(oid(id)))));
const requires = (skip: number): Buffer =>
  extension(OID.policyConstraints, true, sequence(der(contextTag(0, false), Buffer.from([skip]))));
const inhibitsMapping = (skip: number): Buffer =>
  extension(
    OID.policyConstraints,
    true,
    sequence(der(contextTag(0, false), Buffer.from([0])), der(contextTag(1, false), Buffer.from([skip]))),
  );
const maps = (from: string, to: string): Buffer =>
  extension(OID.policyMappings, true, sequence(sequence(oid(from), oid(to))));
const inhibitsAny = (skip: number): Buffer => extension(OID.inhibitAnyPolicy, true, integer(Buffer.from([skip])));

/** Extensions of two authorities and the leaf, verdict. */
const trees5280: readonly (readonly [string, readonly (readonly Buffer[])[], boolean])[] = [
  ['no policies', [[], [], []], true],
  ['one policy all the way, though critical', [[policies(P1)], [policies(P1)], [policies(P1)]], true],
  ['policies that end', [[policies(P1)], [], []], true],
  ['a required policy all the way', [[policies(P1), requires(0)], [policies(P1)], [policies(P1)]], true],
  ['a required policy that the leaf has not', [[policies(P1), requires(0)], [policies(P1)], []], false],
  ['a required policy that an authority has not', [[policies(P1), requires(0)], [policies(P2)], [policies(P1)]], false],
  ['a required policy among others', [[policies(P1, P2), requires(0)], [policies(P2)], [policies(P2)]], true],
  ['any policy above a required one', [[policies(OID.anyPolicy), requires(0)], [policies(P1)], [policies(P1)]], true],
  ['any policy of the leaf', [[policies(P1), requires(0)], [policies(P1)], [policies(OID.anyPolicy)]], true],
  [
    'any policy of the leaf where that is inhibited',
    [[policies(P1), requires(0), inhibitsAny(0)], [policies(P1)], [policies(OID.anyPolicy)]],
    false,
  ],
  ['a policy required only further down', [[policies(P1), requires(5)], [], []], true],
  ['a policy required from the leaf on', [[], [requires(0)], []], false],
  ['a policy that the leaf itself requires', [[], [], [requires(0)]], false],
  ['a mapped policy', [[policies(P1), requires(0), maps(P1, P2)], [policies(P2)], [policies(P2)]], true],
  [
    'the policy that was mapped away',
    [[policies(P1), requires(0), maps(P1, P2)], [policies(P1)], [policies(P1)]],
    false,
  ],
  [
    'a mapping that is inhibited',
    [[policies(P1), inhibitsMapping(0)], [policies(P1), maps(P1, P2)], [policies(P2)]],
    false,
  ],
  ['a mapping of any policy', [[policies(P1), maps(OID.anyPolicy, P1)], [policies(P1)], [policies(P1)]], false],
  ['a policy twice', [[], [], [policies(P1, P1)]], false],
  ['no policy in the extension', [[], [], [policies()]], false],
];
for (const [what, [upper = [], lower = [], last = []], good] of trees5280)
  test(`policies: ${good ? 'accepts' : 'rejects'} ${what}`, () => {
    const root = forge({ ca: true });
    const first = forge({ ca: true, extra: upper }, root);
    const second = forge({ ca: true, extra: lower }, first);
    const chain = (): readonly Forged[] => [forge({ extra: last }, second), first, second];
    if (good) accepts(chain(), root);
    else refuses(chain, root);
  });
