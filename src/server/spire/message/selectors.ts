import { LIMITS } from '#kernel';
import type { MatchBehavior, SetMatch } from '#registry';
import type { Selector } from '#wire/gen/spire/api/types';
import { invalid, parseTrustDomainName } from './ids.ts';

/** Throws `ARGUMENT_INVALID`; an empty list is the caller's to judge. */
export function parseSelectors(messages: readonly Selector[], what: string): readonly string[] {
  if (messages.length > LIMITS.entrySelectors.value) throw invalid(what, 'there are too many');
  return messages.map(({ type, value }) => {
    if (type === '') throw invalid(what, 'a selector has no type');
    if (type.includes(':')) throw invalid(what, 'the type of a selector contains a colon');
    if (value === '') throw invalid(what, 'a selector has no value');
    return `${type}:${value}`;
  });
}

export function encodeSelector(text: string): Selector {
  const colon = text.indexOf(':');
  return { type: text.slice(0, colon), value: text.slice(colon + 1) };
}

export function selectorMatch(
  message: { readonly selectors: readonly Selector[]; readonly match: number } | undefined,
): SetMatch | undefined {
  if (message === undefined) return undefined;
  const values = parseSelectors(message.selectors, 'selectors filter');
  if (values.length === 0) throw invalid('selectors filter', 'it is empty');
  return { values, match: behavior(message.match) };
}

export function federatesWithMatch(
  message: { readonly trustDomains: readonly string[]; readonly match: number } | undefined,
): SetMatch | undefined {
  if (message === undefined) return undefined;
  const values = message.trustDomains.map((name) => parseTrustDomainName(name, 'federates with filter'));
  if (values.length === 0) throw invalid('federates with filter', 'it is empty');
  return { values, match: behavior(message.match) };
}

const BEHAVIORS: readonly MatchBehavior[] = ['exact', 'subset', 'superset', 'any'];

function behavior(number: number): MatchBehavior {
  const found = BEHAVIORS[number];
  if (found === undefined) throw invalid('filter', 'it compares in an unknown way');
  return found;
}
