import { pemCertificates } from '#x509';
import { forge } from '../../../forge/certificate.ts';
import { differs, type Script } from '../both.ts';

const json = ['-output', 'json'];
const web = (name: string, url = `https://${name}/bundle`) => [
  ...['-trustDomain', name, '-bundleEndpointURL', url, '-bundleEndpointProfile', 'https_web'],
];
const spiffe = (name: string, id: string) => [
  ...['-trustDomain', name, '-bundleEndpointURL', `https://${name}/`, '-bundleEndpointProfile', 'https_spiffe'],
  ...(id === '' ? [] : ['-endpointSpiffeID', id]),
];
const server = (name: string) => `spiffe://${name}/spire/server`;
const create = ['federation', 'create'];
const update = ['federation', 'update'];
/** Why codes differ. */
const MISTAKE =
  'SPIRE answers a mistake of the caller with Internal, where its data store noticed it; ours says what it is';
const now = Date.now();
const root = pemCertificates([
  forge({ ca: true, subject: 'root', notBefore: now - 1000, notAfter: now + 3_600_000 }).der,
]);

const relationship = (name: string, more: object = {}) => ({
  trustDomain: name,
  bundleEndpointURL: `https://${name}/`,
  bundleEndpointProfile: 'https_web',
  ...more,
});

export const federationCommands: Script = {
  files: {
    'root.pem': root,
    'many.json': JSON.stringify({
      federationRelationships: [
        relationship('b1.example'),
        relationship('b2.example', {
          bundleEndpointProfile: 'https_spiffe',
          endpointSPIFFEID: server('b2.example'),
          trustDomainBundle: root,
          trustDomainBundleFormat: 'pem',
        }),
      ],
    }),
    'half-bad.json': JSON.stringify({
      federationRelationships: [relationship('b3.example'), relationship('b1.example'), relationship('bank-a')],
    }),
    'broken.json': '[',
  },
  steps: [
    { run: ['federation', 'list'] },
    { run: ['federation', 'list', ...json] },
    { run: create },
    { run: [...create, ...web('a1.example')] },
    differs([...create, ...web('a1.example')], MISTAKE, [1, /code: Internal/], [1, /code: AlreadyExists/]),
    differs([...create, ...web('a1.example'), ...json], MISTAKE, [0, /"code":13/], [0, /"code":6/]),
    { run: [...create, ...spiffe('a2.example', server('a2.example'))] },
    {
      run: [...create, ...spiffe('a3.example', server('a3.example')), '-trustDomainBundlePath', '{files}/root.pem'],
    },
    { run: [...create, ...spiffe('a4.example', server('other.example')), ...json] },
    { run: [...create, ...spiffe('a5.example', '')] },
    { run: [...create, ...spiffe('a5.example', 'no id')] },
    {
      run: [...create, ...spiffe('a5.example', server('a5.example')), '-trustDomainBundlePath', '{files}/missing'],
    },
    { run: [...create, ...web('a5.example'), '-endpointSpiffeID', server('a5.example')] },
    { run: [...create, ...web('a5.example', 'http://a5.example/')] },
    { run: [...create, ...web('a5.example', 'https://user:word@a5.example/')] },
    { run: [...create, ...web('a5.example', 'https:///path')] },
    { run: [...create, ...web('a5.example', 'five')] },
    { run: [...create, ...web('bank-a')] },
    { run: [...create, ...web('No Domain')] },
    {
      run: [
        ...create,
        '-trustDomain',
        'a5.example',
        '-bundleEndpointURL',
        'https://a/',
        '-bundleEndpointProfile',
        'other',
      ],
    },
    { run: [...create, '-data', '{files}/many.json'] },
    differs(
      [...create, '-data', '{files}/half-bad.json'],
      MISTAKE,
      [1, /b3\.example[\s\S]*code: Internal[\s\S]*code: InvalidArgument/],
      [1, /b3\.example[\s\S]*code: AlreadyExists[\s\S]*code: InvalidArgument/],
    ),
    { run: [...create, '-data', '{files}/broken.json'] },
    { run: ['federation', 'list'] },
    { run: ['federation', 'list', ...json] },
    { run: ['federation', 'show'] },
    { run: ['federation', 'show', '-trustDomain', 'a1.example'] },
    { run: ['federation', 'show', '-trustDomain', 'a3.example'] },
    { run: ['federation', 'show', '-trustDomain', 'a3.example', ...json] },
    { run: ['federation', 'show', '-trustDomain', 'nobody.example'] },
    { run: ['federation', 'show', '-trustDomain', 'No Domain'] },
    { run: ['bundle', 'list', '-id', 'a3.example'] },
    { run: [...update, ...spiffe('a1.example', server('a1.example'))] },
    { run: [...update, ...web('a3.example'), ...json] },
    { run: [...update, ...web('a3.example'), '-trustDomainBundlePath', '{files}/root.pem'] },
    differs([...update, ...web('nobody.example')], MISTAKE, [1, /code: Internal/], [1, /code: NotFound/]),
    { run: [...update, ...web('a1.example', 'http://a1.example/')] },
    { run: [...update, '-data', '{files}/many.json'] },
    { run: ['federation', 'list'] },
    { run: ['federation', 'refresh'] },
    { run: ['federation', 'refresh', '-id', 'nobody.example'] },
    { run: ['federation', 'refresh', '-id', 'No Domain'] },
    { run: ['federation', 'delete'] },
    { run: ['federation', 'delete', '-id', 'a1.example'] },
    { run: ['federation', 'delete', '-id', 'a1.example'] },
    { run: ['federation', 'delete', '-id', 'a2.example', ...json] },
    { run: ['federation', 'delete', '-id', 'No Domain'] },
    { run: ['federation', 'list'] },
    { run: ['bundle', 'list'] },
  ],
};
