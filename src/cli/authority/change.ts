import { Command } from 'commander';
import { Fault } from '#kernel';
import type { Authority } from '#wire/gen/hauberk_authorities';
import { print } from '../target.ts';
import { type AuthorityOptions, row, toJson, withAuthorities, withAuthorityOptions } from './client.ts';

type Verb = 'activate' | 'taint' | 'revoke';

const DESCRIPTIONS: Readonly<Record<Verb, string>> = {
  activate: 'sign with the prepared key from now on',
  taint: 'have everything that an old key signed replaced',
  revoke: 'take a tainted key out of the bundle: what it signed is refused from now on',
};
/** The state of the keys that a verb is for; when there is one only, its id need not be said. */
const WANTED: Readonly<Record<Verb, { readonly state: string; readonly tainted: boolean }>> = {
  activate: { state: 'prepared', tainted: false },
  taint: { state: 'old', tainted: false },
  revoke: { state: 'old', tainted: true },
};

export function changeAuthorityCommand(verb: Verb): Command {
  return withAuthorityOptions(new Command(verb))
    .description(DESCRIPTIONS[verb])
    .option('--id <authority id>', 'which one, as "show" names it (default: the only one that this is possible for)')
    .action((trustDomain: string, options: AuthorityOptions & { readonly id?: string }) =>
      withAuthorities(options, async (client) => {
        const { kind } = options;
        const candidates = (await client.show({ trustDomain })).authorities.filter((one) => one.kind === kind);
        const authorityId = options.id ?? only(verb, candidates);
        const { authority } = await client[verb]({ trustDomain, kind, authorityId });
        if (authority === undefined) throw new Fault('INTERNAL_ERROR', 'the server says nothing of the authority');
        print(options.json === true ? JSON.stringify(toJson(authority), undefined, 2) : told(verb, authority));
      }),
    );
}

/** A revoked key is known no longer, and the server tells what it was. */
function told(verb: Verb, authority: Authority): string {
  const cells = row(authority);
  return (verb === 'revoke' ? cells.with(2, 'revoked') : cells).join('  ').trim();
}

function only(
  verb: Verb,
  candidates: readonly { readonly id: string; readonly state: string; readonly tainted: boolean }[],
): string {
  const { state, tainted } = WANTED[verb];
  const [found, second] = candidates.filter((one) => one.state === state && one.tainted === tainted);
  if (found === undefined)
    throw new Fault('NOT_FOUND', `no ${tainted ? 'tainted' : state} authority of this kind to ${verb}`);
  if (second !== undefined) throw new Fault('ARGUMENT_INVALID', `several could be meant: say which with --id`);
  return found.id;
}
