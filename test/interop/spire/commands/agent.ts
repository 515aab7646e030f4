import type { Script } from '../both.ts';

const json = ['-output', 'json'];
const agent = ['-spiffeID', '{agent}'];
const list = ['agent', 'list'];
const count = ['agent', 'count'];
const ids = [
  'spiffe://other/spire/agent/x',
  'spiffe://bank-a/spire/agent/nobody',
  'spiffe://bank-a/web',
  'spiffe://bank-a',
  'no id',
];

/** What is asked of an attested agent, and of none. */
export const agentCommands: Script = {
  steps: [
    { run: list, keep: { agent: /SPIFFE ID\s*: (\S+)/ } },
    { run: [...list, ...json] },
    { run: count },
    { run: [...count, ...json] },
    ...[list, count].flatMap((command) => [
      { run: [...command, '-attestationType', 'join_token'] },
      { run: [...command, '-attestationType', 'x509pop'] },
      { run: [...command, '-banned', 'true'] },
      { run: [...command, '-banned', 'false'] },
      { run: [...command, '-banned', 'perhaps'] },
      { run: [...command, '-canReattest', 'true'] },
      { run: [...command, '-canReattest', 'false'] },
      { run: [...command, '-expiresBefore', '2020-01-01 00:00:00 -0700 -07'] },
      { run: [...command, '-expiresBefore', '2100-01-01 00:00:00 -0700 -07'] },
      { run: [...command, '-expiresBefore', 'tomorrow'] },
      { run: [...command, '-selector', 'a:1'] },
      { run: [...command, '-selector', 'nothing'] },
      ...['exact', 'any', 'superset', 'subset', 'other'].map((mode) => ({
        run: [...command, '-selector', 'a:1', '-matchSelectorsOn', mode],
      })),
    ]),
    { run: ['agent', 'show'] },
    { run: ['agent', 'show', ...agent] },
    { run: ['agent', 'show', ...agent, ...json] },
    { run: ['agent', 'purge', '-dryRun'] },
    { run: ['agent', 'purge', '-expiredFor', '1h'] },
    { run: ['agent', 'purge', '-expiredFor', '1h', ...json] },
    { run: ['agent', 'purge', '-expiredFor', 'long'] },
    ...['show', 'ban', 'evict'].flatMap((verb) => [
      { run: ['agent', verb] },
      ...ids.map((id) => ({ run: ['agent', verb, '-spiffeID', id] })),
    ]),
    { run: ['agent', 'ban', ...agent] },
    { run: ['agent', 'ban', ...agent, ...json] },
    { run: ['agent', 'show', ...agent] },
    { run: [...count, '-banned', 'true'] },
    { run: list },
    { run: ['agent', 'evict', ...agent] },
    { run: ['agent', 'evict', ...agent, ...json] },
    { run: list },
  ],
};
