import { type Receipt, reasonCode } from '#chain';
import { brokenLink } from '#ledger';
import type { Registry } from '#registry';
import { factsOf, isAllowedToSomebodySince } from './explain-facts.ts';
import { fixOf } from './fixes.ts';

/** For a denial: what broke where, the rule, key or clock that broke it, and the smallest fix. For operators only: it names rules and entries. */
export function explain(ordered: readonly Receipt[], registry: Registry): readonly string[] {
  const broken = brokenLink(ordered);
  if (broken === undefined) return [];
  const place = broken.workload ?? broken.trustDomain;
  const who = [broken.user, broken.peer].filter((one) => one !== undefined).join(' through ');
  const asked = [broken.action, broken.resource].filter((one) => one !== undefined).join(' ');
  const lines = [
    `broken link: ${broken.kind} at ${place}${who === '' ? '' : `, asked by ${who}`}`,
    `${broken.code}: ${reasonCode(broken.code).meaning}`,
  ];
  if (asked !== '') lines.push(`asked for: ${asked}`);
  if (broken.rule !== undefined) lines.push(`${RULES[broken.kind] ?? 'rule'}: ${broken.rule}`);
  lines.push(...factsOf(broken, registry));
  const fix = isAllowedToSomebodySince(broken, registry) ? ASK_AGAIN : fixOf(broken);
  return fix === undefined ? lines : [...lines, `fix: ${fix}`];
}

const ASK_AGAIN = 'ask again: there was no such policy then, and the one above selects this workload now';

const RULES: Readonly<Record<string, string>> = { edge: 'route', database: 'database role' };
