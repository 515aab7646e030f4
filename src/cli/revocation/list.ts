import { Command } from 'commander';
import { table } from '#up';
import type { Revocation } from '#wire/gen/hauberk_revocations';
import { print, type TargetOptions, withTarget } from '../target.ts';
import { withRevocations } from './client.ts';

export function listRevocationsCommand(): Command {
  return withTarget(new Command('list'))
    .description('what is revoked')
    .argument('[trust domain]', 'of this trust domain only')
    .option('--json', 'as JSON')
    .action((trustDomain: string | undefined, options: TargetOptions & { readonly json?: true }) =>
      withRevocations(options, async (client) => {
        const { revocations } = await client.list({ trustDomain: trustDomain ?? '' });
        const shown = revocations.map(toJson);
        print(options.json === true ? JSON.stringify(shown, undefined, 2) : table(HEADS, shown.map(row)));
      }),
    );
}

const HEADS = ['trust domain', 'kind', 'value', 'revoked', 'until', 'reason'];

function row(one: ReturnType<typeof toJson>): readonly string[] {
  return [one.trustDomain, one.kind, one.value, one.revokedAt, one.expiresAt ?? 'restored', one.reason];
}

function toJson({ revokedAt, expiresAt, ...rest }: Revocation) {
  const moment = (seconds: bigint): string => new Date(Number(seconds) * 1000).toISOString();
  return { ...rest, revokedAt: moment(revokedAt), expiresAt: expiresAt === 0n ? undefined : moment(expiresAt) };
}
