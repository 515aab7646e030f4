/** Several values a key. One value is held bare: most keys have one, and a set for each would cost more than what it holds. */
export class MultiMap<V extends object> {
  readonly #values = new Map<string, V | Set<V>>();

  add(key: string, value: V): void {
    const held = this.#values.get(key);
    if (held === undefined) this.#values.set(key, value);
    else if (held instanceof Set) held.add(value);
    else if (held !== value) this.#values.set(key, new Set([held, value]));
  }

  remove(key: string, value: V): void {
    const held = this.#values.get(key);
    if (held === value) this.#values.delete(key);
    if (!(held instanceof Set)) return;
    held.delete(value);
    if (held.size === 0) this.#values.delete(key);
  }

  get(key: string): Iterable<V> {
    const held = this.#values.get(key);
    return held === undefined ? [] : held instanceof Set ? held : [held];
  }

  count(key: string): number {
    const held = this.#values.get(key);
    return held === undefined ? 0 : held instanceof Set ? held.size : 1;
  }
}
