export type Attack =
  | { readonly kind: 'identity' }
  /** A request by the SDK, as an honest service sends it. */
  | { readonly kind: 'fetch'; readonly url: string }
  | AgentAttack
  | DialAttack
  | DatabaseAttack
  | {
      readonly kind: 'direct';
      readonly host: string;
      readonly port: number;
      readonly tls: boolean;
      readonly database: string;
    };

/** One gRPC request to the agent's socket. */
export interface AgentAttack {
  readonly kind: 'agent';
  readonly method: string;
  /** Whether it carries the security header of the Workload Endpoint. */
  readonly header: boolean;
  /** Protobuf, base64. */
  readonly message: string;
}

/** One request over TLS whose every byte the attacker chooses. */
export interface DialAttack {
  readonly kind: 'dial';
  readonly host: string;
  readonly port: number;
  /** Its own X509-SVID, none, or one that it made itself in another's name. */
  readonly certificate: 'own' | 'none' | { readonly selfSignedAs: string };
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
}

export interface DatabaseAttack {
  readonly kind: 'database';
  readonly name:
    | 'no-context'
    | 'forged-context'
    | 'replayed-context'
    | 'carried-context'
    | 'expired-context'
    | 'role-change';
  /** A valid Txn-Token that the attacker came by. */
  readonly token: string;
  readonly database: string;
  readonly table: string;
  /** A context that was taken along from elsewhere. */
  readonly context?: string;
  /** Until the token has expired. */
  readonly waitMillis?: number;
}

/** What an attack saw: the code and id that it was told, and what it got. */
export interface Seen {
  readonly code?: unknown;
  readonly id?: unknown;
  readonly details?: unknown;
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly rows?: number;
  readonly credentialSeconds?: number;
  readonly note?: string;
  /** Names of the fields that an error came with. */
  readonly fields?: readonly string[];
  /** A context that the attacker took along. */
  readonly context?: string;
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
  const fields = error instanceof Error ? Object.keys(error).filter((key) => Object(error)[key] !== undefined) : [];
  return { code: named ?? code, id, details, note: texts, fields: fields.filter((key) => !OWN.has(key)) };
}

/** What `pg` itself adds. */
const OWN = new Set(['length', 'name']);
const NAME = /^[A-Z]+(_[A-Z]+)+$/;
const NAME_INSIDE = /\b[A-Z]+(?:_[A-Z]+)+\b/;
