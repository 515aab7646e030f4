import { Command } from 'commander';
import { listRevocationsCommand } from './list.ts';
import { restoreRevokedCommand } from './restore.ts';

export { revokeCommand } from './revoke.ts';

export function revocationCommand(): Command {
  const noun = new Command('revocation').description('what "hauberk revoke" has revoked');
  for (const verb of [listRevocationsCommand(), restoreRevokedCommand()]) noun.addCommand(verb.exitOverride());
  return noun;
}
