/**
 * Answers made of the very same parts are made once. Parts are objects that never change, such as an entry, a bundle and what was issued, and
 * they are all that an answer is made of: when one of them is another, so is the answer. Kept while its first part is.
 */
export class SharedAnswers<T> {
  readonly #made = new WeakMap<object, { readonly parts: readonly object[]; readonly answer: T }>();

  of(parts: readonly [object, ...object[]], make: () => T): T {
    const [first] = parts;
    const before = this.#made.get(first);
    if (before !== undefined && areSame(before.parts, parts)) return before.answer;
    const answer = make();
    this.#made.set(first, { parts, answer });
    return answer;
  }
}

function areSame(some: readonly object[], others: readonly object[]): boolean {
  return some.length === others.length && some.every((one, index) => one === others[index]);
}
