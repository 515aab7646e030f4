import { Command } from 'commander';
import { table } from '#up';
import type { Relationship } from '#wire/gen/hauberk_federations';
import { print, type TargetOptions, withTarget } from '../target.ts';
import { withFederations } from './client.ts';

export function listFederationsCommand(): Command {
  return withTarget(new Command('list'))
    .description('the trust domains that a trust domain federates with, and how their bundles are')
    .argument('<trust domain>', 'whose relationships')
    .option('--json', 'as JSON')
    .action((trustDomain: string, options: TargetOptions & { readonly json?: true }) =>
      withFederations(options, async (client) => {
        const { relationships } = await client.list({ trustDomain });
        print(
          options.json === true
            ? JSON.stringify(relationships.map(toJson), undefined, 2)
            : table(HEADS, relationships.map(row)),
        );
      }),
    );
}

const HEADS = [
  'trust domain',
  'endpoint',
  'profile',
  'sequence',
  'authorities',
  'refreshed',
  'state',
  'last used',
  'owner',
];

function row(one: Relationship): readonly string[] {
  const { refreshedAt, lastUsedAt } = toJson(one);
  return [
    one.trustDomain,
    one.url,
    one.endpointSpiffeId === '' ? one.profile : `${one.profile} ${one.endpointSpiffeId}`,
    `${one.sequence}`,
    `${one.x509Authorities}`,
    refreshedAt ?? '-',
    one.code === '' ? 'ok' : one.code,
    lastUsedAt ?? 'never',
    one.owner === '' ? '-' : one.owner,
  ];
}

function toJson({ sequence, refreshedAt, lastUsedAt, authoritiesEndAt, ...rest }: Relationship) {
  const moment = (seconds: bigint) => (seconds === 0n ? undefined : new Date(Number(seconds) * 1000).toISOString());
  return {
    ...rest,
    sequence: `${sequence}`,
    refreshedAt: moment(refreshedAt),
    lastUsedAt: moment(lastUsedAt),
    authoritiesEndAt: moment(authoritiesEndAt),
  };
}
