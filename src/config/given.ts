/** The fields of a document that were written: none of them is `undefined`. */
export type Given<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

/** Leaves out the fields that a document does not name. */
export function given<T extends object>(fields: T): Partial<Given<T>> {
  // What is left has no undefined among its values.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<Given<T>>;
}
