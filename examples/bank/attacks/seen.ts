export type Attack =
  | { readonly kind: 'identity' }
  | DialAttack
  | DatabaseAttack
  | { readonly kind: 'direct'; readonly socketDirectory: string; readonly port: number; readonly database: string };

/** One request over TLS whose every byte the attacker chooses. */
export interface DialAttack {
  readonly kind: 'dial';
  readonly host: string;
  readonly port: number;
  readonly certificate: boolean;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
}

export interface DatabaseAttack {
  readonly kind: 'database';
  readonly name: 'no-context' | 'forged-context' | 'replayed-context' | 'role-change';
  /** A valid Txn-Token that the attacker came by. */
  readonly token: string;
  readonly database: string;
  readonly table: string;
}

/** What an attack saw: the code and id that it was told, and what it got. */
export interface Seen {
  readonly code?: unknown;
  readonly id?: unknown;
  readonly details?: unknown;
  readonly status?: number;
  readonly body?: string;
  readonly rows?: number;
  readonly note?: string;
  /** Step by step, where an attack has several. */
  readonly steps?: readonly (Seen & { readonly step: string })[];
}

/** A fault of the SDK says its code and id in fields; an error of PostgreSQL in its texts. */
export function describeError(error: unknown): Seen {
  const { code, message, details, detail, hint } = Object(error) as Partial<Record<string, unknown>>;
  const told: Partial<Record<string, unknown>> = Object(details);
  const texts = [message, detail, hint].filter((text) => typeof text === 'string').join(' ');
  const id = told.id ?? /\b[0-9a-f]{32}\b/.exec(texts)?.[0];
  const named = typeof code === 'string' && NAME.test(code) ? code : NAME_INSIDE.exec(texts)?.[0];
  return { code: named ?? code, id, details, note: texts };
}

const NAME = /^[A-Z]+(_[A-Z]+)+$/;
const NAME_INSIDE = /\b[A-Z]+(?:_[A-Z]+)+\b/;
