import { afterBlanks, isForbidden } from './forbidden.ts';

/** What the gate does with a statement before the server sees it. */
export type Statement =
  | { readonly kind: 'txn-token'; readonly token: string }
  | { readonly kind: 'traceparent'; readonly value: string }
  | { readonly kind: 'role-change' }
  | { readonly kind: 'forbidden' }
  /** Speaks of the token in any other way: neither forwarded nor logged. */
  | { readonly kind: 'misplaced' }
  | { readonly kind: 'other' };

const SETTING =
  /^\s*SET\s+(?:LOCAL\s+|SESSION\s+)?hauberk\.(txn_token|traceparent)\s*(?:=|\s+TO\s)\s*'([^'\\]*)'\s*;?\s*$/i;
const ROLE_CHANGE =
  /^(?:SET\s+(?:LOCAL\s+|SESSION\s+)?(?:ROLE\b|SESSION\s+AUTHORIZATION\b)|RESET\s+(?:ROLE\b|SESSION\s+AUTHORIZATION\b))/i;

/** Reads one message of statements. A change of role after the first is refused by the server itself. */
export function readStatement(sql: string): Statement {
  const [, name, value] = SETTING.exec(sql) ?? [];
  if (name !== undefined && value !== undefined) {
    return name.toLowerCase() === 'traceparent' ? { kind: 'traceparent', value } : { kind: 'txn-token', token: value };
  }
  if (mentionsToken(sql)) return { kind: 'misplaced' };
  if (ROLE_CHANGE.test(afterBlanks(sql))) return { kind: 'role-change' };
  if (isForbidden(sql)) return { kind: 'forbidden' };
  return { kind: 'other' };
}

export function mentionsToken(text: string): boolean {
  return /hauberk\s*"?\s*\.\s*"?txn_token/i.test(text);
}
