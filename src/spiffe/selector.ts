import { Fault } from '#kernel';

/** One fact about a process or node, as its attestor saw it: `unix:uid:1000` has type `unix` and value `uid:1000`. */
export interface Selector {
  readonly type: string;
  readonly value: string;
}

/** Parses `type:value`. Throws `SELECTOR_INVALID`. */
export function parseSelector(text: string): Selector {
  const colon = text.indexOf(':');
  if (colon <= 0 || colon === text.length - 1) {
    throw new Fault('SELECTOR_INVALID', 'a selector has the form type:value, such as unix:uid:1000');
  }
  return { type: text.slice(0, colon), value: text.slice(colon + 1) };
}

export function formatSelector(selector: Selector): string {
  return `${selector.type}:${selector.value}`;
}
