import type { ReasonCodeName } from './reason-codes.ts';
import type { Txn } from './txn.ts';

/**
 * What a link leaves behind. The enforcement point fills it in; the agent adds `via` from its own attestation; the ledger adds `seq`
 * when a chain is read. It holds hashes and ids, never a token, key or password.
 */
export interface Receipt {
  /** Unique id of the receipt, and the id that a denied caller is given. 32 hexadecimal digits. */
  readonly id: string;
  /** The transaction, where one is known. A denial before there is one has its own fresh txn. */
  readonly txn: Txn;
  /** This link's span and its caller's: together they order the chain. */
  readonly span: string;
  readonly parentSpan?: string;
  readonly kind: ReceiptKind;
  /** The trust domain in whose log it belongs: that of the workload that decided. */
  readonly trustDomain: string;
  /** User SPIFFE ID. */
  readonly user?: string;
  readonly tenant?: string;
  /** SPIFFE ID of the workload that decided (the link's own end). */
  readonly workload?: string;
  /** SPIFFE ID of the peer, as verified; absent when it proved none. */
  readonly peer?: string;
  /** How the peer and the user were proven, such as `x509-svid + txn-token`. */
  readonly proof?: string;
  readonly effect: 'allow' | 'deny';
  readonly code: ReasonCodeName;
  /** Name of the rule that decided: `namespace/policy#rule` of an Istio policy, the id of a Cedar policy, a route, a database role. */
  readonly rule?: string;
  readonly action?: string;
  readonly resource?: string;
  /** RFC 3339 time with milliseconds. */
  readonly startedAt: string;
  readonly durationUs: number;
  /** Workload SPIFFE IDs that the agent attested for the reporter. Stamped by the agent; a reporter's own value is overwritten. */
  readonly via?: readonly string[];
  /** Facts for `why`, told on the admin socket only. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export type ReceiptKind =
  | 'edge'
  | 'login'
  | 'service'
  | 'guard'
  | 'database'
  | 'workload-api'
  | 'identity'
  | 'registry'
  | 'minter'
  | 'agent';
