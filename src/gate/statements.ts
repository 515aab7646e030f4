/** What the gate does with a statement before the server sees it. */
export type Statement =
  | { readonly kind: 'txn-token'; readonly token: string }
  | { readonly kind: 'traceparent'; readonly value: string }
  | { readonly kind: 'role-change' }
  /** Speaks of the token in any other way: neither forwarded nor logged. */
  | { readonly kind: 'misplaced' }
  | { readonly kind: 'other' };

const SETTING =
  /^\s*SET\s+(?:LOCAL\s+|SESSION\s+)?hauberk\.(txn_token|traceparent)\s*(?:=|\s+TO\s)\s*'([^'\\]*)'\s*;?\s*$/i;
const ROLE_CHANGE =
  /^(?:SET\s+(?:LOCAL\s+|SESSION\s+)?(?:ROLE\b|SESSION\s+AUTHORIZATION\b)|RESET\s+(?:ROLE\b|SESSION\s+AUTHORIZATION\b))/i;

/** Reads one statement. Only the first word of a compound statement is seen: what follows is refused by the server itself. */
export function readStatement(sql: string): Statement {
  const [, name, value] = SETTING.exec(sql) ?? [];
  if (name !== undefined && value !== undefined) {
    return name.toLowerCase() === 'traceparent' ? { kind: 'traceparent', value } : { kind: 'txn-token', token: value };
  }
  if (mentionsToken(sql)) return { kind: 'misplaced' };
  if (ROLE_CHANGE.test(withoutLeadingComments(sql))) return { kind: 'role-change' };
  return { kind: 'other' };
}

export function mentionsToken(text: string): boolean {
  return /hauberk\s*"?\s*\.\s*"?txn_token/i.test(text);
}

function withoutLeadingComments(sql: string): string {
  let rest = sql.trimStart();
  for (;;) {
    const start = rest;
    if (rest.startsWith('--')) rest = afterFirst(rest, '\n');
    else if (rest.startsWith('/*')) rest = afterComment(rest);
    else if (rest.startsWith(';')) rest = rest.slice(1);
    rest = rest.trimStart();
    if (rest === start) return rest;
  }
}

function afterFirst(text: string, mark: string): string {
  const at = text.indexOf(mark);
  return at < 0 ? '' : text.slice(at + mark.length);
}

/** PostgreSQL's block comments nest. */
function afterComment(text: string): string {
  let depth = 0;
  for (const { 0: mark, index } of text.matchAll(/\/\*|\*\//g)) {
    depth += mark === '/*' ? 1 : -1;
    if (depth === 0) return text.slice(index + 2);
  }
  return '';
}
