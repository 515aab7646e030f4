import { Command } from 'commander';
import type { Receipt } from '#chain';
import { Fault } from '#kernel';
import { type AdminClient, chain, visible } from '#up';
import { print, type TargetOptions, withAdmin, withTarget } from './target.ts';

export function whyCommand(): Command {
  return withTarget(new Command('why'))
    .description('the chain of a request, hop by hop, and what broke it')
    .argument(
      '<id>',
      'X-Request-Id, transaction id, or the id that a denied caller was given; the first 6 digits are enough for a recent one',
    )
    .option('--json', 'receipts as JSON')
    .action((id: string, options: TargetOptions & { readonly json?: true }) =>
      withAdmin(options, async (admin) => {
        const { receipts, explanation } = await admin.why(await wholeId(admin, id));
        print(
          options.json === true
            ? JSON.stringify({ receipts, explanation }, undefined, 2)
            : story(receipts, explanation),
        );
      }),
    );
}

const SHORTEST = 6;

/** The id that begins so, among the newest receipts: tables show the first digits only. */
async function wholeId(admin: AdminClient, id: string): Promise<string> {
  if (!/^[0-9a-f]+$/i.test(id) || id.length >= 32) return id;
  if (id.length < SHORTEST) throw new Fault('ARGUMENT_INVALID', `say at least ${SHORTEST} digits of the id`);
  const begin = id.toLowerCase();
  const ids = (await admin.receipts({ limit: 1000 })).flatMap((receipt) => [receipt.txn, receipt.id]);
  const [only, ...more] = [...new Set(ids)].filter((one) => one.startsWith(begin));
  if (more.length > 0) throw new Fault('ARGUMENT_INVALID', `${more.length + 1} ids begin so: say more digits`);
  if (only === undefined)
    throw new Fault('NOT_FOUND', 'none of the newest receipts has an id that begins so: say all of it');
  return only;
}

function story(receipts: readonly Receipt[], explanation: readonly string[]): string {
  const txns = [...new Set(receipts.map(({ txn }) => txn))];
  const tables = txns.map((txn) => {
    const links = receipts.filter((receipt) => receipt.txn === txn);
    return chain(
      txn,
      links.map((link, index) => ({ ...link, seq: index + 1 })),
    );
  });
  const denied = receipts.filter(({ effect }) => effect === 'deny').map(sentence);
  return [...tables, denied.map(visible).join('\n'), explanation.map(visible).join('\n')]
    .filter((part) => part !== '')
    .join('\n\n');
}

function sentence({ code, kind, workload, id }: Receipt): string {
  return `refused at the ${kind} link by ${workload ?? 'nobody known'}: ${code} (id ${id})`;
}
