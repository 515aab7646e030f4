import { Command } from 'commander';
import type { Receipt } from '#chain';
import { Fault } from '#kernel';
import { table } from '#up';
import { print, type TargetOptions, withAdmin, withTarget } from './target.ts';

interface Options extends TargetOptions {
  readonly limit: string;
  readonly kind?: string;
  readonly denied?: true;
  readonly json?: true;
}

export function receiptsCommand(): Command {
  return withTarget(new Command('receipts'))
    .description('recent receipts of all trust domains, newest first')
    .option('--denied', 'refusals only')
    .option('--kind <kind>', 'of one kind of link, such as edge, service, guard, database, login, identity, registry')
    .option('--limit <count>', 'how many of the newest to look at, 1 to 1000', '100')
    .option('--json', 'as JSON')
    .action((options: Options) =>
      withAdmin(options, async (admin) => {
        const { kind = '', denied } = options;
        const effect = denied === true ? 'deny' : '';
        const receipts = await admin.receipts({ limit: parseLimit(options.limit), kind, effect });
        print(options.json === true ? JSON.stringify(receipts, undefined, 2) : table(HEADS, receipts.map(row)));
      }),
    );
}

const HEADS = ['time', 'link', 'at', 'code', 'asked by', 'id'];

function row({
  startedAt,
  kind,
  workload,
  trustDomain,
  code,
  user,
  peer,
  action,
  resource,
  id,
}: Receipt): readonly string[] {
  const time = startedAt.slice(0, 19).replace('T', ' ');
  const asked = user ?? peer ?? [action, resource].filter((one) => one !== undefined).join(' ');
  return [time, kind, short(workload ?? trustDomain), code, short(asked), id];
}

function short(id: string): string {
  return id === '' ? '-' : id.replace('spiffe://', '');
}

function parseLimit(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1000) return Number(text);
  throw new Fault('ARGUMENT_INVALID', '--limit takes a number from 1 to 1000');
}
