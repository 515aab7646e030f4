// What "hauberk up --check" hands to the story, and what it wants back.

export interface Context {
  readonly edge: { readonly http: string; readonly https: string; readonly port: number; readonly httpsPort: number };
  readonly users: readonly { readonly name: string; readonly password: string }[];
  readonly services: Readonly<
    Record<string, { readonly host: string; readonly port: number; readonly spiffeId: string }>
  >;
  /** Where the database is: what an attacker would dial past the gate. `host` is a directory for a Unix socket. */
  readonly postgres:
    | {
        readonly host: string;
        readonly port: number;
        readonly tls: boolean;
        /** Its name on the server. */
        readonly database: string;
        /** Who tells of refused logins: the gate reads the server's log, or has tried the door itself when it opened. */
        readonly refusals: 'log' | 'gate';
      }
    | undefined;
  readonly admin: {
    why(id: string): Promise<readonly Receipt[]>;
    receipts(filter: { limit: number; kind?: string; effect?: string }): Promise<readonly Receipt[]>;
  };
  runAs(probe: {
    service?: string;
    module: string;
    stdin: string;
    timeoutMillis?: number;
  }): Promise<{ stdout: string; status: number | null }>;
}

export interface Receipt {
  readonly id: string;
  readonly txn: string;
  readonly kind: string;
  readonly user?: string;
  readonly tenant?: string;
  readonly workload?: string;
  readonly peer?: string;
  readonly proof?: string;
  readonly effect: 'allow' | 'deny';
  readonly code: string;
  readonly rule?: string;
  readonly action?: string;
  readonly resource?: string;
  readonly startedAt: string;
  readonly durationUs: number;
  readonly via?: readonly string[];
}

export interface Link {
  readonly txn: string;
  readonly seq: number;
  readonly kind: string;
  readonly user?: string;
  readonly tenant?: string;
  readonly workload?: string;
  readonly peer?: string;
  readonly proof?: string;
  readonly effect: 'allow' | 'deny';
  readonly rule?: string;
  readonly startedAt: string;
  readonly durationUs: number;
}

export interface Denial {
  readonly name: string;
  readonly code: string;
  readonly link: string;
  readonly txn: string;
  readonly expected: string;
  readonly observed: string;
  readonly ok: boolean;
}
