import type { Closeable } from '#kernel';
import type { ResourceKind } from '#wire';

/** One change of a trust domain's state; a body of null is a removal. */
export interface Change {
  readonly kind: ResourceKind;
  readonly key: string;
  readonly body: unknown;
}

export interface StoredResource {
  readonly trustDomain: string;
  readonly kind: ResourceKind;
  readonly key: string;
  readonly body: unknown;
  readonly revision: number;
}

export interface LoggedChange extends StoredResource {
  readonly removed: boolean;
}

export interface JoinToken {
  readonly token: string;
  readonly trustDomain: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  /** A SPIFFE ID by which the agent is known too, as parent of entries. */
  readonly alias?: string;
}

export interface AgentRecord {
  readonly id: string;
  readonly trustDomain: string;
  readonly alias?: string;
  /** Serial of the agent's current certificate, hexadecimal. */
  readonly serial: string;
  /** The certificate before it, valid until the new one has been used. */
  readonly previousSerial?: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

/**
 * Port: the registry's truth, an ordered change log per trust domain. The revision of a commit is the trust domain's counter, raised in
 * the same transaction: revisions have no gaps and no doubles. Implementations pass `storeContract`.
 */
export interface Store extends Closeable {
  /** Everything that is not removed, in order of revision. */
  load(): Promise<readonly StoredResource[]>;
  revisions(): Promise<ReadonlyMap<string, number>>;
  /** Changes after `revision`, oldest first. */
  changesSince(trustDomain: string, revision: number): Promise<readonly LoggedChange[]>;
  /** Writes all changes under one new revision, or none. */
  commit(trustDomain: string, changes: readonly Change[]): Promise<number>;

  addJoinToken(token: JoinToken): Promise<void>;
  /** A token that is live at `now` (Unix milliseconds), without using it. */
  findJoinToken(token: string, now: number): Promise<JoinToken | undefined>;
  /** Uses the token and creates the agent, in one transaction: of many callers exactly one gets true. */
  redeemJoinToken(token: string, now: number, agent: AgentRecord): Promise<boolean>;

  agents(trustDomain: string): Promise<readonly AgentRecord[]>;
  putAgent(agent: AgentRecord): Promise<void>;
}
