/** An enforcement point, and the newest revision of each trust domain that it says it has applied. */
export interface Point {
  readonly caller: readonly string[];
  readonly applied: ReadonlyMap<string, bigint>;
  /** The same of every trust domain that it is sent; 0 before it has applied anything. */
  readonly followed: ReadonlyMap<string, bigint>;
}
