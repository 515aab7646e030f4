/**
 * Statements that the server would let a role do to itself, and that would reach beyond its session: a password of its own, by which it
 * could come past the gate (PostgreSQL lets every role change its own); settings for its later sessions; its role's rights dropped.
 * `DO` runs text that the gate has not read. Nothing else runs such text for a role that may make neither functions nor objects.
 */
const PAIRS: ReadonlyMap<string, RegExp> = new Map([
  ['alter', /^(?:role|user|group|database|system|default)\b/i],
  ['drop', /^owned\b/i],
  ['reassign', /^owned\b/i],
]);
const WORDS = /\b(alter|drop|reassign)(?![\w$])/gi;
const STARTS = /^|;/g;

/**
 * Whether a text could hold such a statement. Words count wherever they stand, in a literal too: what is quoted for one reader may not be for
 * another, so nothing is taken out first; a value belongs into a parameter.
 */
export function isForbidden(sql: string): boolean {
  for (const { 0: word, index } of sql.matchAll(WORDS)) {
    if (PAIRS.get(word.toLowerCase())?.test(afterBlanks(sql.slice(index + word.length))) === true) return true;
  }
  for (const { 0: start, index } of sql.matchAll(STARTS)) {
    if (/^do(?![\w$])/i.test(afterBlanks(sql.slice(index + start.length)))) return true;
  }
  return false;
}

/** A text without the blanks, comments and empty statements that it begins with. PostgreSQL's block comments nest. */
export function afterBlanks(sql: string): string {
  let rest = sql.trimStart();
  for (;;) {
    const start = rest;
    if (rest.startsWith('--')) rest = afterLine(rest);
    else if (rest.startsWith('/*')) rest = afterComment(rest);
    else if (rest.startsWith(';')) rest = rest.slice(1);
    rest = rest.trimStart();
    if (rest === start) return rest;
  }
}

function afterLine(text: string): string {
  const end = /[\r\n]/.exec(text);
  return end === null ? '' : text.slice(end.index + 1);
}

function afterComment(text: string): string {
  let depth = 0;
  for (const { 0: mark, index } of text.matchAll(/\/\*|\*\//g)) {
    depth += mark === '/*' ? 1 : -1;
    if (depth === 0) return text.slice(index + 2);
  }
  return '';
}
