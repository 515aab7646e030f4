import { pemCertificates } from '#x509';
import { forge } from '../../../forge/certificate.ts';
import { differs, type Script } from '../both.ts';

const json = ['-output', 'json'];
const partner = ['-id', 'spiffe://partner.example'];
const root = (name: string) =>
  pemCertificates([
    forge({ ca: true, subject: name, notBefore: Date.now() - 1000, notAfter: Date.now() + 3_600_000 }).der,
  ]);
const set = ['bundle', 'set', ...partner];
const relate = [
  'federation',
  'create',
  '-bundleEndpointProfile',
  'https_web',
  '-bundleEndpointURL',
  'https://partner.example/',
];
const entry = [
  '-parentID',
  'spiffe://bank-a/node',
  '-spiffeID',
  'spiffe://bank-a/web',
  '-selector',
  'a:1',
  '-entryID',
  'web',
];
const remove = ['bundle', 'delete', ...partner];

export const bundleCommands: Script = {
  files: {
    'one.pem': root('one'),
    'two.pem': `${root('two')}${root('three')}`,
    'bad.pem': 'nothing',
    'bad.json': '{"keys": 1}',
    'empty.json': '{"keys": []}',
  },
  steps: [
    { run: ['bundle', 'count'] },
    { run: ['bundle', 'count', ...json] },
    { run: ['bundle', 'show'], save: 'own.pem' },
    { run: ['bundle', 'show', '-format', 'spiffe'], save: 'own.json' },
    { run: ['bundle', 'show', '-format', 'other'] },
    { run: ['bundle', 'show', ...json] },
    { run: ['bundle', 'list'] },
    { run: ['bundle', 'list', ...partner] },
    { run: ['bundle', 'list', '-id', 'no domain'] },
    { run: ['bundle', 'list', '-id', 'spiffe://bank-a'] },
    { run: [...set, '-path', '{files}/one.pem'] },
    { run: [...set, '-path', '{files}/one.pem', ...json] },
    { run: [...set, '-path', '{files}/two.pem'] },
    { run: [...set, '-path', '{files}/bad.pem'] },
    { run: [...set, '-path', '{files}/bad.json', '-format', 'spiffe'] },
    { run: [...set, '-path', '{files}/empty.json', '-format', 'spiffe'] },
    { run: [...set, '-path', '{files}/own.json', '-format', 'spiffe'] },
    { run: [...set, '-path', '{files}/missing'] },
    { run: ['bundle', 'set', '-path', '{files}/one.pem'] },
    { run: ['bundle', 'set', '-id', 'spiffe://bank-a', '-path', '{files}/one.pem'] },
    { run: ['bundle', 'set', '-id', 'spiffe://z-second.example/path', '-path', '{files}/one.pem'] },
    { run: ['bundle', 'set', '-id', 'no domain', '-path', '{files}/one.pem'] },
    { run: ['bundle', 'set', '-id', 'spiffe://z-second.example', '-path', '{files}/two.pem'] },
    { run: ['bundle', 'list'] },
    { run: ['bundle', 'list', ...json] },
    { run: ['bundle', 'list', '-format', 'spiffe'] },
    { run: ['bundle', 'list', ...partner] },
    { run: ['bundle', 'list', '-id', 'partner.example', ...json] },
    { run: ['bundle', 'count'] },
    { run: ['bundle', 'delete'] },
    { run: ['bundle', 'delete', '-id', 'spiffe://nobody.example'] },
    { run: ['bundle', 'delete', '-id', 'spiffe://bank-a'] },
    { run: ['bundle', 'delete', '-id', 'spiffe://z-second.example', '-mode', 'other'] },
    { run: ['bundle', 'delete', '-id', 'spiffe://z-second.example', ...json] },
    { run: ['entry', 'create', ...entry, '-federatesWith', 'spiffe://partner.example'] },
    { run: remove },
    { run: [...remove, ...json] },
    { run: [...remove, '-mode', 'dissociate'] },
    { run: ['entry', 'show', '-entryID', 'web'] },
    { run: [...set, '-path', '{files}/one.pem'] },
    { run: ['entry', 'update', ...entry, '-federatesWith', 'spiffe://partner.example'] },
    differs(
      [...relate, '-trustDomain', 'partner.example'],
      'ours tells the bundle that is known already, SPIRE only one that came with the request',
      [0, /partner.example/],
      [0, /partner.example/],
    ),
    { run: [...remove, '-mode', 'delete'] },
    { run: ['entry', 'show', '-entryID', 'web'] },
    { run: ['federation', 'list'] },
    { run: ['bundle', 'count'] },
  ],
};
