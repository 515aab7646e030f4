/** SQLSTATE of what the gate itself tells a client. Class HB is Hauberk's own. */
const STATES: Readonly<Record<string, string>> = {
  DATABASE_CONTEXT_FORGED: 'HB001',
  DATABASE_CONTEXT_REPLAYED: 'HB002',
  DATABASE_CONTEXT_EXPIRED: 'HB003',
  DATABASE_NO_CONTEXT: 'HB010',
  DATABASE_CONTEXT_MISPLACED: '25001',
  DATABASE_ROLE_CHANGE: '42501',
  DATABASE_ACCESS_DENIED: '42501',
  DATABASE_CREDENTIAL_EXPIRED: '57P01',
  DATABASE_UNAVAILABLE: '08006',
  LIMIT_EXCEEDED: '54000',
  ARGUMENT_INVALID: '08P01',
  INTERNAL_ERROR: 'XX000',
};

/** Everything about identity and tokens is `invalid_authorization_specification`. */
export function sqlStateOf(code: string): string {
  return STATES[code] ?? '28000';
}

/** The server's own refusals that are Hauberk's: raised by `hauberk.context()`. */
export const CONTEXT_STATES: ReadonlyMap<
  string,
  'DATABASE_CONTEXT_FORGED' | 'DATABASE_CONTEXT_REPLAYED' | 'DATABASE_CONTEXT_EXPIRED'
> = new Map([
  ['HB001', 'DATABASE_CONTEXT_FORGED'],
  ['HB002', 'DATABASE_CONTEXT_REPLAYED'],
  ['HB003', 'DATABASE_CONTEXT_EXPIRED'],
]);

/** Noticed by `hauberk.context()` where there is no context. */
export const NO_CONTEXT_STATE = 'HB010';
