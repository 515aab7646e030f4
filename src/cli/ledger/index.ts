import { Command } from 'commander';
import { verifyLedgerCommand } from './verify.ts';

export function ledgerCommand(): Command {
  return new Command('ledger').description('the log of receipts').addCommand(verifyLedgerCommand().exitOverride());
}
