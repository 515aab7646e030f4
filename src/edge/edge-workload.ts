import type { TLSSocket } from 'node:tls';
import type { Receipt } from '#chain';
import type { MinterQuestion, RevocationSubject } from '#sdk';
import type { SpiffeId, X509Svid } from '#spiffe';
import type { MinterResource, ServiceResource } from '#wire';

/** What the edge asks of its own identity: `hauberk/sdk` and the agent in a process, a fake in tests. */
export interface EdgeWorkload {
  /** Who the edge is, also while it has no valid SVID: receipts of denials need the name. */
  readonly id: SpiffeId;
  /** The current X509-SVID; follows rotation. Throws `IDENTITY_UNAVAILABLE`. */
  svid(): X509Svid;
  /** Calls back when the SVID or a bundle changed. Hands back what ends it. */
  onChange(listener: () => void): () => void;
  /** A service of the registry by `<service>.<namespace>`. */
  findService(name: string): ServiceResource | undefined;
  /** mTLS to a service, its SPIFFE ID verified before the promise settles. Throws `PEER_…`, `SERVICE_UNKNOWN`, `UPSTREAM_UNAVAILABLE`. */
  connect(name: string): Promise<TLSSocket>;
  registerMinter(question: MinterQuestion): Promise<MinterResource>;
  /** Whether the user or the session was revoked since it began. */
  isRevoked(trustDomain: string, subject: RevocationSubject): boolean;
  /** Calls back when something may have been revoked. Hands back what ends it. */
  onRevocation(listener: () => void): () => void;
  /** Throws when no more receipts are taken: then nothing goes on. */
  report(receipt: Receipt): void;
  close(): Promise<void>;
}
