export type LikePart = { readonly wildcard: true } | { readonly literal: string };

/** Cedar's `like`: a wildcard is any text, also none. Runs in linear time: each literal is taken where it first occurs. */
export function likeMatch(parts: readonly LikePart[]): (text: string) => boolean {
  const literals = [''];
  for (const part of parts) {
    if ('wildcard' in part) literals.push('');
    else literals.push(`${literals.pop() ?? ''}${part.literal}`);
  }
  const [first = '', ...rest] = literals;
  const last = rest.pop();
  if (last === undefined) return (text) => text === first;
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    let from = first.length;
    for (const literal of rest) {
      const found = text.indexOf(literal, from);
      if (found < 0) return false;
      from = found + literal.length;
    }
    // The first and the last literal do not share a character.
    return from <= text.length - last.length;
  };
}
