import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalPath, canonicalTarget } from './canonical-target.ts';

const HOST = 'bank.localhost:8080';
const ambiguous = { code: 'REQUEST_AMBIGUOUS' };

/** Spellings that two readers would read as two requests. */
const HOSTILE = [
  ...[
    '',
    '*',
    'bank-a',
    'bank-a/accounts',
    '?x',
    '#',
    'admin',
    '.',
    '..',
    '/..',
    '/../',
    '/../../etc',
    '/bank-a/../../x',
  ],
  ...[
    '/bank-a/%2e%2e/bank-b',
    '/bank-a/%2E./bank-b',
    '/bank-a/.%2e/bank-b',
    '/bank-a/%2e/x',
    '/%2e%2e',
    '/%2e',
    '/bank-a/..%2fbank-b',
  ],
  ...[
    '/bank-a%2faccounts',
    '/bank-a%2Faccounts',
    '/bank-a%5caccounts',
    '/bank-a%5Caccounts',
    '/bank-a\\accounts',
    '/\\evil',
    '/bank-a/..\\bank-b',
  ],
  ...[
    '/a%252fb',
    '/a%252e%252e/b',
    '/a%25',
    '/%2525',
    '/a%',
    '/a%2',
    '/a%zz',
    '/a%2g',
    '/%u002f',
    '/a%00',
    '/a%00.html',
    '/a\u0000b',
  ],
  ...[
    '/a%0d%0aX:y',
    '/a%0a',
    '/a%09',
    '/a%7f',
    '/a b',
    '/a\tb',
    '/a#b',
    '/a%23b',
    '/public%23/../admin',
    '/admin#/public',
    '/a%3fb',
    '/a%3Fx=1',
  ],
  ...[
    '/admin;x=1',
    '/admin;/..',
    '/admin%3bx=1',
    '/a;jsessionid=1/b',
    '/%c0%af',
    '/%c0%ae%c0%ae/x',
    '/%e0%80%af',
    '/%ff',
    '/%c3',
    '/é',
    '/a\u00a0',
  ],
  ...[
    '/a%ef%bc%8fb',
    '/%ef%bc%8e%ef%bc%8e/x',
    '/a%ef%bc%bcb',
    '/%e2%80%a5/x',
    '/a%c2%85',
    '/a<b',
    '/a>b',
    '/a"b',
    '/a{b}',
    '/a|b',
    '/a^b',
    '/a`b',
    '/a[b]',
  ],
  ...[
    'http://bank-b.localhost/bank-a/',
    'http://bank.localhost/bank-a/',
    'https://bank.localhost:8080/',
    'http://u@bank.localhost:8080/',
    'ftp://bank.localhost:8080/',
  ],
  ...[
    'http:/bank-a',
    'http:///x',
    'bank.localhost:443',
    '/a?x#y',
    '/a?x\\y',
    '/a?%',
    '/a?%zz',
    '/a?%00',
    '/a?%0d%0a',
    '/a?é',
    '/a? x',
  ],
];

for (const target of HOSTILE) {
  test(`refuses the target ${JSON.stringify(target)}`, () => {
    assert.throws(() => canonicalTarget({ target, hosts: [HOST], scheme: 'http' }), ambiguous);
  });
}

test('the table of hostile spellings holds at least sixty', () => assert.ok(HOSTILE.length >= 60));

const HOSTILE_HOSTS = [
  ...[
    [],
    [HOST, HOST],
    [HOST, 'evil'],
    [''],
    ['a,b'],
    ['bank.localhost.'],
    ['bank..localhost'],
    ['u@bank.localhost'],
    ['bank.localhost:'],
    ['bank.localhost:x'],
  ],
  ...[
    ['bank.localhost/x'],
    ['bank_a'],
    ['-bank'],
    ['bank.localhost:123456'],
    ['[::1]'],
    ['bank.localhost\u0000'],
    ['bank localhost'],
    ['bánk'],
  ],
];

for (const hosts of HOSTILE_HOSTS) {
  test(`refuses the hosts ${JSON.stringify(hosts)}`, () => {
    assert.throws(() => canonicalTarget({ target: '/', hosts, scheme: 'http' }), ambiguous);
  });
}

const SPELLINGS: readonly (readonly [string, string])[] = [
  ['/', '/'],
  ['/bank-a/accounts', '/bank-a/accounts'],
  ['//bank-a///accounts', '/bank-a/accounts'],
  ['/./bank-a/./x', '/bank-a/x'],
  ['/bank-a/x/../y', '/bank-a/y'],
  ['/bank-a/../bank-b/', '/bank-b/'],
  ['/bank-a/x/..', '/bank-a/'],
  ['/bank-a/.', '/bank-a/'],
  ['/%62ank-a/%41', '/bank-a/A'],
  ['/caf%c3%a9', '/caf%C3%A9'],
  ['/a%20b', '/a%20b'],
  ['/a.b/..c/d..', '/a.b/..c/d..'],
  ['/file%2etxt', '/file.txt'],
];

for (const [raw, canonical] of SPELLINGS) {
  test(`${raw} is ${canonical}`, () => {
    assert.equal(canonicalPath(raw), canonical);
    assert.equal(canonicalPath(canonical), canonical);
  });
}

test('absolute form is read when it agrees with the host, in any case', () => {
  const { host, path, search } = canonicalTarget({
    target: 'HTTP://Bank.localhost:8080/a/../b?x=1',
    hosts: ['BANK.localhost:8080'],
    scheme: 'http',
  });
  assert.deepEqual([host, path, search], ['bank.localhost', '/b', '?x=1']);
});

test('whatever is accepted is its own canonical form, without dot or empty segments', () => {
  const piece = fc.constantFrom('/', '.', '..', 'a', '%2e', '%61', '%2f', '//', '%c3%a9', '%', ';', '~');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      let path: string;
      try {
        path = canonicalPath(`/${pieces.join('')}`);
      } catch {
        return;
      }
      assert.equal(canonicalPath(path), path);
      assert.doesNotMatch(path, /\/\/|\/\.\.?(\/|$)/);
    }),
  );
});
