import { Command } from 'commander';
import { table } from '#up';
import { print, type TargetOptions, withTarget } from '../target.ts';
import { HEADS, row, toJson, withAuthorities } from './client.ts';

export function showAuthoritiesCommand(): Command {
  return withTarget(new Command('show'))
    .description('the keys of a trust domain: active, prepared and old')
    .argument('<trust domain>', 'whose authority')
    .option('--json', 'as JSON')
    .action((trustDomain: string, options: TargetOptions & { readonly json?: true }) =>
      withAuthorities(options, async (client) => {
        const { authorities, sequence } = await client.show({ trustDomain });
        if (options.json === true)
          print(JSON.stringify({ sequence: Number(sequence), authorities: authorities.map(toJson) }, undefined, 2));
        else print(`${table(HEADS, authorities.map(row))}\nbundle sequence ${sequence}`);
      }),
    );
}
