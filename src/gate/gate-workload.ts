import type { Receipt } from '#chain';
import type { RevocationSubject } from '#sdk';
import type { SpiffeId, VerifiedX509Svid, X509Svid } from '#spiffe';

/** What the gate asks of its own identity: `hauberk/sdk` in a process, a fake in tests. */
export interface GateWorkload {
  readonly id: SpiffeId;
  /** The current X509-SVID; follows rotation. Throws `IDENTITY_UNAVAILABLE` when it has expired. */
  svid(): X509Svid;
  /** Verifies a peer's chain (DER, leaf first) against the bundle of its own trust domain and revocation. Throws `PEER_…`. */
  verifyPeer(chain: readonly Uint8Array[]): VerifiedX509Svid;
  /** Verifies a Txn-Token for an audience: signature, minter, times, revocation. Throws `TOKEN_…` or `MINTER_UNKNOWN`. */
  verifyTxnToken(token: string, audience: string): Promise<TxnContext>;
  /** Whether any of these has been revoked by the trust domain. */
  isRevoked(trustDomain: string, subject: RevocationSubject): boolean;
  /** Calls back when the SVID, a bundle or a revocation changed. Hands back what ends it. */
  onChange(listener: () => void): () => void;
  /** Throws `LIMIT_EXCEEDED` when too many receipts wait. */
  report(receipt: Receipt): void;
}

/** What a verified Txn-Token says to a database. */
export interface TxnContext {
  readonly txn: string;
  /** User SPIFFE ID. */
  readonly user: string;
  readonly tenant: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** What of it can be revoked while the transaction runs. */
  readonly subject: RevocationSubject;
}
