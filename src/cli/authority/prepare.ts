import { Command } from 'commander';
import { Fault } from '#kernel';
import { print } from '../target.ts';
import { type AuthorityOptions, row, toJson, withAuthorities, withAuthorityOptions } from './client.ts';

/** `prepare` makes and publishes the next key; `rotate` has it sign as well. */
export function prepareAuthorityCommand(verb: 'prepare' | 'rotate'): Command {
  const what = verb === 'prepare' ? 'make and publish the next key' : 'make and publish the next key, and sign with it';
  return withAuthorityOptions(new Command(verb))
    .description(what)
    .action((trustDomain: string, options: AuthorityOptions) =>
      withAuthorities(options, async (client) => {
        const { kind } = options;
        const { authority: prepared } = await client.prepare({ trustDomain, kind });
        const { authority } =
          verb === 'prepare' || prepared === undefined
            ? { authority: prepared }
            : await client.activate({ trustDomain, kind, authorityId: prepared.id });
        if (authority === undefined) throw new Fault('INTERNAL_ERROR', 'the server says nothing of the authority');
        print(
          options.json === true ? JSON.stringify(toJson(authority), undefined, 2) : row(authority).join('  ').trim(),
        );
      }),
    );
}
