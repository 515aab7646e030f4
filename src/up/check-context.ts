import type { Receipt } from '#chain';

/** What a check module is given. It finds out by itself what must hold; nothing here says what to expect. */
export interface CheckContext {
  readonly edge: { readonly http: string; readonly https: string; readonly port: number; readonly httpsPort: number };
  readonly users: readonly { readonly name: string; readonly password: string }[];
  /** Endpoints by `<namespace>/<name>`. */
  readonly services: Readonly<
    Record<string, { readonly host: string; readonly port: number; readonly spiffeId: string }>
  >;
  readonly agentSocket: string;
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
    /** Every receipt of the transaction that an id belongs to, in order. Empty when there is none yet. */
    why(id: string): Promise<readonly Receipt[]>;
    /** Recent receipts, newest first. */
    receipts(filter: {
      readonly limit: number;
      readonly kind?: string;
      readonly effect?: string;
    }): Promise<readonly Receipt[]>;
  };
  /** Runs a module of the environment in a session of its own, with the identity of a service or none. */
  runAs(probe: Probe): Promise<ProbeResult>;
}

export interface Probe {
  readonly service?: string;
  readonly module: string;
  readonly stdin: string;
  readonly timeoutMillis?: number;
}

export interface ProbeResult {
  readonly stdout: string;
  readonly status: number | null;
}

/** What a check module hands back. */
export interface CheckResult {
  readonly links: readonly CheckedLink[];
  readonly denials: readonly CheckedDenial[];
  /** Expectations that did not hold, beside the denials' own. */
  readonly failures: readonly string[];
}

export interface CheckedLink {
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

export interface CheckedDenial {
  readonly name: string;
  readonly code: string;
  readonly link: string;
  readonly txn: string;
  readonly expected: string;
  readonly observed: string;
  readonly ok: boolean;
}
