/** Who writes logs waits for its turn at each of them; those of other logs go on meanwhile. */
export class LogTurns {
  readonly #tails = new Map<string, Promise<unknown>>();

  take<T>(names: readonly string[], run: () => Promise<T>): Promise<T> {
    const before = Promise.all(names.map((name) => this.#tails.get(name)));
    const result = before.then(run);
    const settled = result.catch(() => undefined);
    for (const name of names) this.#tails.set(name, settled);
    return result;
  }
}
