import { Command } from 'commander';
import { Fault } from '#kernel';
import { table } from '#up';
import { print, type TargetOptions, withAdmin, withTarget } from '../target.ts';

export function verifyLedgerCommand(): Command {
  return withTarget(new Command('verify'))
    .description('verify the hash chain of every trust domain’s ledger')
    .action((options: TargetOptions) =>
      withAdmin(options, async (admin) => {
        const logs = await admin.verifyLedger();
        const rows = logs.map((log) => [
          log.trustDomain,
          String(log.receipts),
          log.head.slice(0, 16),
          log.code === '' ? 'verifies' : log.code,
        ]);
        print(table(['trust domain', 'receipts', 'head', ''], rows));
        const broken = logs.find(({ code }) => code !== '');
        if (broken === undefined) return;
        throw new Fault(
          'LEDGER_CORRUPT',
          `the ledger of ${broken.trustDomain} does not verify from receipt ${broken.brokenAt} on`,
        );
      }),
    );
}
