// Differential test: `verifyPath` against Go's crypto/x509. Random chains get the same answer,
// mutated certificates that are accepted here Go accepts too; where the RFC and Go part, the difference stands in a test of its own.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isFault } from '#kernel';
import { parseTrustDomain, verifyX509Svid, x509Bundle } from '#spiffe';
import { encodeName, OID, parseCertificate, verifyPath } from '#x509';
import { contextTag } from '../../../src/x509/der-reader.ts';
import { der, integer, oid, sequence } from '../../../src/x509/der-writer.ts';
import { extension, type Forged, type Forgery, forge, NOW, newKey } from '../../forge/certificate.ts';
import { resigned } from '../../forge/resigned.ts';
import { askGo, type GoAnswer, goMissing, type PathCase } from './go-verifier.ts';
import { randomFrom } from './seeded.ts';

const skip = goMissing;
const SEED = 20260601;
const CHAINS = 3000;
const MUTATIONS = 3000;

/** One way in which a certificate of a random chain may be unusual. */
type Twist = (random: () => number, issuer: Forged) => Forgery;

const pick = <T>(random: () => number, list: readonly T[]): T => {
  const item = list[Math.floor(random() * list.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
};

const FORMS = { email: 1, dns: 2, uri: 6, address: 7 } as const;
const name = (form: keyof typeof FORMS, text: string): Buffer =>
  der(contextTag(FORMS[form], false), Buffer.from(text, form === 'address' ? 'hex' : 'latin1'));
const subtree = (number: number, form: keyof typeof FORMS, text: string): Buffer =>
  der(contextTag(number, true), sequence(name(form, text)));
const constraints = (...trees: readonly Buffer[]): Forgery => ({
  extra: [extension(OID.nameConstraints, true, sequence(...trees))],
});
const HOSTS = ['bank-a.example', 'bank-b.example', 'x.bank-a.example', '.example', '.bank-a.example'];

const NETWORKS = ['c0000200ffffff00', '00000000ff000000', 'c0000201', 'c0000200ff00ff00'];
const MAILBOXES = ['bank-a.example', '.bank-a.example', 'a@bank-a.example', 'b@bank-a.example'];
const NAMED_POLICIES = ['1.3.6.1.4.1.99999.2.1', '1.3.6.1.4.1.99999.2.2'];
const POLICIES = [...NAMED_POLICIES, OID.anyPolicy];

/** Policies asserted, and now and then what requires, maps or inhibits them. */
function policyExtensions(random: () => number): readonly Buffer[] {
  const small = (): Buffer => Buffer.from([Math.floor(random() * 3)]);
  const asserted = POLICIES.filter(() => random() < 0.5);
  const list = asserted.length === 0 ? [POLICIES[0] ?? ''] : asserted;
  const extras = [
    () => extension(OID.policyConstraints, true, sequence(der(contextTag(0, false), small()))),
    () =>
      extension(
        OID.policyConstraints,
        true,
        sequence(der(contextTag(0, false), small()), der(contextTag(1, false), small())),
      ),
    () => extension(OID.inhibitAnyPolicy, true, integer(small())),
    () =>
      extension(
        OID.policyMappings,
        true,
        sequence(sequence(oid(pick(random, NAMED_POLICIES)), oid(pick(random, NAMED_POLICIES)))),
      ),
  ];
  return [
    extension(OID.certificatePolicies, random() < 0.5, sequence(...list.map((one) => sequence(oid(one))))),
    ...(random() < 0.6 ? [pick(random, extras)()] : []),
  ];
}

const NAMES = HOSTS.filter((host) => !host.startsWith('.'));

const authorityTwists: readonly Twist[] = [
  () => ({ ca: false }),
  (random) => ({ pathLen: Math.floor(random() * 3) }),
  () => ({ keyUsage: ['cRLSign'] }),
  () => ({ keyUsage: 'absent' }),
  () => ({ keyUsage: ['digitalSignature', 'keyCertSign'], keyUsageCritical: false }),
  () => ({ notAfter: NOW - 1000 }),
  () => ({ notAfter: NOW }),
  () => ({ notBefore: NOW }),
  () => ({ notBefore: NOW + 1000 }),
  () => ({ signWith: newKey() }),
  (random) => constraints(subtree(0, 'uri', pick(random, HOSTS))),
  (random) => constraints(subtree(0, 'dns', pick(random, NAMES))),
  (random) => constraints(subtree(1, 'uri', pick(random, ['bank-a.example', '.bank-a.example', 'bank-b.example']))),
  (random) => constraints(subtree(1, 'dns', pick(random, NAMES))),
  () => ({ extra: [extension('1.3.6.1.4.1.99999.1', true, sequence())] }),
  () => ({ extra: [extension('1.3.6.1.4.1.99999.1', false, sequence())] }),
  (random) => ({ extKeyUsage: [pick(random, [OID.serverAuth, OID.clientAuth, OID.anyExtendedKeyUsage])] }),
  (random) => constraints(subtree(Math.floor(random() * 2), 'address', pick(random, NETWORKS))),
  (random) => constraints(subtree(Math.floor(random() * 2), 'email', pick(random, MAILBOXES))),
  (random) => ({ extra: policyExtensions(random) }),
  (random) => ({ extra: policyExtensions(random) }),
];
const leafTwists: readonly Twist[] = [
  ...authorityTwists.slice(5, 10),
  ...authorityTwists.slice(14, 17),
  () => ({ dnsNames: ['pay.bank-a.example', 'BANK-B.example'] }),
  () => ({ uris: ['spiffe://bank-b.example/x'] }),
  () => ({ uris: [] }),
  (random) => ({ altNames: [name('address', pick(random, ['c0000201', 'c0000301', '7f000001']))] }),
  (random) => ({
    altNames: [name('email', pick(random, ['a@bank-a.example', 'A@bank-a.example', 'a@x.bank-a.example', 'a@b@c']))],
  }),
  (random) => ({ extra: policyExtensions(random) }),
  () => ({ keyUsage: 'absent' }),
];

function randomCase(random: () => number, number: number): PathCase {
  const twisted = (twists: readonly Twist[], issuer: Forged | undefined): Forgery =>
    random() < 0.3 && issuer !== undefined ? pick(random, twists)(random, issuer) : {};
  const root = forge({
    ca: true,
    ...(random() < 0.15 ? pick(random, authorityTwists.slice(1, 9))(random, bystander) : {}),
  });
  const authorities: Forged[] = [];
  let issuer = root;
  for (let depth = Math.floor(random() * 4); depth > 0; depth--) {
    issuer = forge({ ca: true, ...twisted(authorityTwists, issuer) }, issuer);
    authorities.push(issuer);
  }
  const leaf = forge({ uris: ['spiffe://bank-a.example/x'], ...twisted(leafTwists, issuer) }, issuer);
  const presented = authorities.filter(() => random() > 0.05).sort(() => random() - 0.5);
  if (random() < 0.2) presented.push(bystander);
  const purpose = pick(random, ['any', 'server', 'client'] as const);
  return {
    rule: `random chain ${number}`,
    chain: [leaf, ...presented].map((one) => one.der),
    roots: (random() < 0.1 ? [bystander, root] : [root]).map((one) => one.der),
    at: NOW,
    ...(purpose === 'any' ? {} : { purpose }),
  };
}

const bystander = forge({ ca: true, subject: 'bystander' });

function accepts({ chain, roots, at, purpose }: PathCase): boolean {
  try {
    const question = { chain: chain.map(parseCertificate), roots: roots.map(parseCertificate), at };
    verifyPath({ ...question, ...(purpose === undefined ? {} : { purpose }) });
    return true;
  } catch (error) {
    if (isFault(error)) return false;
    throw error;
  }
}

function isX509Svid({ chain, roots, at }: PathCase): boolean {
  const trustDomain = parseTrustDomain('bank-a.example');
  try {
    verifyX509Svid({ chain, bundles: new Map([[trustDomain, x509Bundle(trustDomain, roots)]]), at });
    return true;
  } catch (error) {
    if (isFault(error)) return false;
    throw error;
  }
}

const describe = ({ rule, chain }: PathCase, { error }: GoAnswer): string =>
  `${rule}: ours and Go's answers differ (Go: ${error ?? 'ok'})\n${chain.map((one) => one.toString('base64')).join('\n')}`;

test(`${CHAINS} random chains (seed ${SEED}): the same answer as Go`, { skip }, () => {
  const random = randomFrom(SEED);
  const cases = Array.from({ length: CHAINS }, (_, number) => randomCase(random, number));
  const counts = { accepted: 0, refused: 0 };
  for (const [index, answer] of askGo(cases).entries()) {
    const asked = cases[index];
    if (asked === undefined) continue;
    assert.equal(accepts(asked), answer.ok, describe(asked, answer));
    counts[answer.ok ? 'accepted' : 'refused']++;
  }
  assert.ok(counts.accepted > CHAINS / 5 && counts.refused > CHAINS / 5, JSON.stringify(counts));
});

test(`${MUTATIONS} mutated certificates, signed again (seed ${SEED}): an X509-SVID accepted here, Go accepts`, {
  skip,
}, () => {
  const random = randomFrom(SEED);
  const root = forge({ ca: true });
  const authority = forge({ ca: true, pathLen: 0, ...constraints(subtree(0, 'uri', 'bank-a.example')) }, root);
  const names = { uris: ['spiffe://bank-a.example/x'], dnsNames: ['a.example'], extKeyUsage: [OID.clientAuth] };
  const leaf = forge(names, authority);
  const mutate = (signedPart: Buffer): void => {
    const position = 4 + Math.floor(random() * (signedPart.length - 4));
    const old = signedPart[position] ?? 0;
    signedPart[position] = random() < 0.5 ? old ^ (1 << Math.floor(random() * 8)) : random() * 256;
  };
  const cases = Array.from({ length: MUTATIONS }, (_, number): PathCase => {
    const chain =
      random() < 0.5
        ? [resigned(leaf.der, authority.key, mutate), authority.der]
        : [leaf.der, resigned(authority.der, root.key, mutate)];
    return { rule: `mutation ${number}`, chain, roots: [root.der], at: NOW };
  });
  let accepted = 0;
  for (const [index, answer] of askGo(cases).entries()) {
    const asked = cases[index];
    if (asked === undefined || NOT_READ_HERE.test(answer.error ?? '') || !isX509Svid(asked)) continue;
    if (!namesAreEqualBytes(asked) || constrainsUnreadNames(asked)) continue;
    accepted++;
    assert.ok(answer.ok, describe(asked, answer));
  }
  assert.ok(accepted > MUTATIONS / 20, `${accepted}`);
});

/** Go compares names byte by byte, the RFC by what they say (§7.1): such chains stand among the known differences. */
function namesAreEqualBytes({ chain, roots }: PathCase): boolean {
  const path = [...chain, ...roots].map(parseCertificate);
  return path.slice(1).every((issuer, index) => path[index]?.issuerDer.equals(issuer.subjectDer) === true);
}

/** Go refuses critical constraints of a form that it does not evaluate, whether a name has it or not: known, too. */
function constrainsUnreadNames({ chain }: PathCase): boolean {
  return chain
    .map(parseCertificate)
    .some(
      ({ nameConstraints }) =>
        nameConstraints !== undefined && (nameConstraints.permitted.others || nameConstraints.excluded.others),
    );
}

/** Errors of Go about extensions that are neither critical nor read here: a mutation of an identifier may name one. */
const NOT_READ_HERE =
  /invalid (policy mappings|policy constraints|inhibit any policy|certificate policies|CRL distribution point|authority info)/;

interface Difference {
  readonly asked: PathCase;
  readonly ours: boolean;
}

/** Where RFC 5280 and Go part, we follow the RFC; each with its clause. The page beside this file explains them. */
function differences(): readonly Difference[] {
  const root = forge({ ca: true, subject: 'Root of all' });
  const at = (what: Forgery = {}, issuer: Forged = root): Forged =>
    forge({ uris: ['spiffe://x.bank-a.example/x'], ...what }, issuer);
  const below = (what: Forgery, issuer: Forged = root): Forged => forge({ ca: true, ...what }, issuer);
  const permits = below(constraints(subtree(0, 'uri', 'bank-a.example')));
  const excludes = below(constraints(subtree(1, 'uri', 'bank-a.example')));
  const dotted = below(constraints(subtree(0, 'dns', '.bank-a.example')));
  const mailbox = below(constraints(subtree(0, 'email', 'a@b@c')));
  const directory = below(
    constraints(der(contextTag(0, true), sequence(der(contextTag(4, true), commonName('leaf'))))),
  );
  const registered = below(
    constraints(der(contextTag(1, true), sequence(der(contextTag(8, false), Buffer.from([42]))))),
  );
  const zero = forge({ ca: true, pathLen: 0, subject: 'self-issued' });
  const selfIssued = forge({ ca: true, subject: 'self-issued' }, zero);
  const noPolicies = below({});
  const mapsAny = below(
    {
      extra: [
        policies(OID.anyPolicy),
        extension(OID.policyMappings, true, sequence(sequence(oid(OID.anyPolicy), oid('1.2.3')))),
      ],
    },
    noPolicies,
  );
  const nameless = forge({ ca: true, subjectName: encodeName([]) });
  const uri = constraints(subtree(0, 'uri', 'x.bank-a.example'));
  const respelled = { issuerName: commonName('ROOT  of all') };
  const known = (clause: string, ours: boolean, chain: readonly Forged[], anchor: Forged = root): Difference => ({
    asked: { rule: clause, chain: chain.map((one) => one.der), roots: [anchor.der], at: NOW },
    ours,
  });
  return [
    known('§4.2.1.10: a permitted URI host names that host only', false, [at({}, permits), permits]),
    known('§4.2.1.10: an excluded URI host names that host only', true, [at({}, excludes), excludes]),
    known('§4.2.1.10: a DNS constraint has no leading dot', false, [
      at({ dnsNames: ['a.bank-a.example'] }, dotted),
      dotted,
    ]),
    known('§4.2.1.10: a mailbox constraint has one @', false, [at({}, mailbox), mailbox]),
    known('§4.2.1.10: directory names are constrained, too', true, [at({ subject: 'leaf' }, directory), directory]),
    known('§4.2.1.10: a form of name that no name has constrains nothing', true, [at({}, registered), registered]),
    known('§4.2.1.10: name constraints stand in authorities only', false, [at(uri)]),
    known('§4.2.1.3: who signs certificates is an authority', false, [
      at({ keyUsage: ['digitalSignature', 'keyCertSign'] }),
    ]),
    known('§4.1.2.4: the issuer has a name', false, [at({}, nameless)], nameless),
    known('§4.2.1.1: the key identifier of the authority is that of its issuer', false, [
      at({ authorityKeyId: Buffer.alloc(20) }),
    ]),
    known('§7.1: names are compared by what they say', true, [at(respelled)]),
    known('§6.1.4 (a): no policy is mapped to or from any policy', false, [at({}, mapsAny), mapsAny, noPolicies]),
    known('§6.1.4 (l): self-issued authorities do not count', true, [at({}, selfIssued), selfIssued], zero),
  ];
}

const commonName = (text: string): Buffer => encodeName([[OID.commonName, text]]);
const policies = (...ids: readonly string[]): Buffer =>
  extension(OID.certificatePolicies, true, sequence(...ids.map((id) => sequence(oid(id)))));

test('known differences: what Go answers otherwise, by RFC 5280', { skip }, () => {
  const known = differences();
  const answers = askGo(known.map(({ asked }) => asked));
  for (const [index, { asked, ours }] of known.entries()) {
    assert.equal(accepts(asked), ours, asked.rule);
    assert.equal(answers[index]?.ok, !ours, `Go agrees: ${asked.rule}: ${answers[index]?.error ?? 'ok'}`);
  }
});

test('the page explains each known difference', () => {
  const page = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
  for (const { asked } of differences()) assert.ok(page.includes(`| ${asked.rule} |`), asked.rule);
});
