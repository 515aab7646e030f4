import { differs, type Script, type Step } from '../both.ts';

const json = ['-output', 'json'];

const STATE =
  'SPIRE answers a mistake of the caller with Internal, where its data store noticed it; ours says FailedPrecondition';
const GONE = 'SPIRE still shows an authority that was revoked as the old one; ours has none any more';
const PREPARED =
  'SPIRE keeps the key of a prepared authority that another was prepared instead of, ours drops it; and our bundle says how often to ask again';

function life(kind: 'x509' | 'jwt'): readonly Step[] {
  const authority = ['localauthority', kind];
  const by = (verb: string, id: string) => [...authority, verb, '-authorityID', id];
  const names = (name: string) => `${kind}${name}`;
  const first = `{${names('first')}}`;
  const wrong = (run: readonly string[]): Step =>
    differs(run, STATE, [1, /code = Internal/], [1, /code = FailedPrecondition/]);
  const activeId = /Active [\s\S]*?Authority ID: (\S+)/;
  return [
    { run: [...authority, 'show'], keep: { [names('first')]: activeId } },
    { run: [...authority, 'show', ...json] },
    ...['activate', 'taint', 'revoke'].flatMap((verb) => [
      { run: [...authority, verb] },
      { run: by(verb, 'nobody') },
      { run: by(verb, first) },
    ]),
    { run: [...authority, 'prepare'], keep: { [names('second')]: /Authority ID: (\S+)/ } },
    { run: [...authority, 'show'] },
    { run: by('taint', `{${names('second')}}`) },
    { run: by('revoke', `{${names('second')}}`) },
    { run: [...authority, 'prepare', ...json], keep: { [names('third')]: /"authority_id":\s*"([^"]+)"/ } },
    { run: by('activate', `{${names('third')}}`) },
    { run: [...authority, 'show'] },
    { run: by('activate', `{${names('third')}}`) },
    wrong(by('revoke', first)),
    { run: by('taint', first) },
    wrong(by('taint', first)),
    wrong(by('activate', first)),
    { run: [...authority, 'show', ...json] },
    differs(['bundle', 'show', '-format', 'spiffe'], PREPARED, [0, /keys/], [0, /"spiffe_refresh_hint": 300/]),
    { run: [...by('revoke', first), ...json] },
    differs(by('revoke', first), STATE, [1, /code = Internal/], [1, /code = InvalidArgument/]),
    differs([...authority, 'show'], GONE, [0, /Old[^:]*:\n +Authority ID/], [0, /No old/]),
  ];
}

export const authorityCommands: Script = {
  steps: [
    ...life('x509'),
    ...life('jwt'),
    ...['taint', 'revoke'].flatMap((verb) => [
      { run: ['upstreamauthority', verb] },
      { run: ['upstreamauthority', verb, '-subjectKeyID', 'ab'] },
      { run: ['upstreamauthority', verb, '-subjectKeyID', 'ab', ...json] },
    ]),
  ],
};
