import { Command } from 'commander';
import type { Receipt } from '#chain';
import { Fault } from '#kernel';
import { chain } from '#up';
import { print, type TargetOptions, withAdmin, withTarget } from './target.ts';

export function whyCommand(): Command {
  return withTarget(new Command('why'))
    .description('the chain of a request, hop by hop, and what broke it')
    .argument('<id>', 'X-Request-Id, transaction id, or the id that a denied caller was given')
    .option('--json', 'receipts as JSON')
    .action((id: string, options: TargetOptions & { readonly json?: true }) =>
      withAdmin(options, async (admin) => {
        const { receipts, explanation } = await admin.why(id);
        if (receipts.length === 0) throw new Fault('NOT_FOUND', 'no transaction, receipt or request has this id');
        print(
          options.json === true
            ? JSON.stringify({ receipts, explanation }, undefined, 2)
            : story(receipts, explanation),
        );
      }),
    );
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
  return [...tables, ...denied, ...explanation].join('\n\n');
}

function sentence({ code, kind, workload, id }: Receipt): string {
  return `refused at the ${kind} link by ${workload ?? 'nobody known'}: ${code} (id ${id})`;
}
