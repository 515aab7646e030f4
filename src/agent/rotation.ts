import { type Random, randomFraction } from '#kernel';

/** When a credential is replaced: shortly before half of its remaining life, not all at once (5 % of it is jitter). Milliseconds. */
export function rotateAt(now: number, notAfter: number, random: Random): number {
  return now + (notAfter - now) * (0.45 + 0.05 * randomFraction(random));
}
