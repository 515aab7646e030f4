/** One figure of `npm run bench`: a value and the limit measured in the same run. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the machine could do at most, measured beside it; null where there is none. */
  readonly limit: number | null;
  readonly ratio: number | null;
  readonly budget: string | null;
  readonly ok: boolean;
}
