interface Waiting<T> {
  readonly item: T;
  readonly taken: () => void;
}

/**
 * Items of several sources as they come, never more than one of each ahead of the consumer. Ends with the first source that ends, fails
 * with the first that fails, and lets go of the others.
 */
export async function* merged<T>(...sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const queue: Waiting<T>[] = [];
  let wake = (): void => {};
  let ended: { readonly error?: unknown } | undefined;
  const pump = async (iterator: AsyncIterator<T>): Promise<void> => {
    try {
      for (;;) {
        const { value, done } = await iterator.next();
        if (done === true) break;
        await new Promise<void>((taken) => {
          queue.push({ item: value, taken });
          wake();
        });
      }
      ended ??= {};
    } catch (error) {
      ended ??= { error };
    }
    wake();
  };
  for (const iterator of iterators) void pump(iterator);
  try {
    for (;;) {
      const next = queue.shift();
      if (next !== undefined) {
        yield next.item;
        next.taken();
      } else if (ended !== undefined) {
        if ('error' in ended) throw ended.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    for (const iterator of iterators) void iterator.return?.();
  }
}
