/** Controls but tabs (ECMA-48: C0, DEL, C1), line separators, and what turns the direction of writing. */
const UNSEEN = /[\0-\x08\n-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * One line as a terminal may show it: receipts and documents hold what somebody wrote, and a terminal obeys what it reads. Written as JSON
 * escapes, so that JSON stays what it was.
 */
export function visible(line: string): string {
  return line.replaceAll(UNSEEN, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
