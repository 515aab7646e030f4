/** A node that attested. */
export interface AgentRecord {
  readonly id: string;
  readonly trustDomain: string;
  /** A SPIFFE ID by which the agent is known too, as parent of entries. */
  readonly alias?: string;
  /** How it proved itself: `join_token`, `x509pop`, … */
  readonly attestationType: string;
  /** What its attestor saw of the node, `type:value`. */
  readonly selectors: readonly string[];
  readonly canReattest: boolean;
  readonly banned: boolean;
  /** What it says that it runs, at most 255 characters. */
  readonly version?: string;
  /** Serial of the agent's current certificate, hexadecimal; empty when it was banned. */
  readonly serial: string;
  /** The certificate before it, valid until the new one has been used. */
  readonly previousSerial?: string;
  /** Unix milliseconds, like the other times. */
  readonly expiresAt: number;
  readonly attestedAt?: number;
  readonly renewedAt?: number;
}

export interface JoinToken {
  readonly token: string;
  readonly trustDomain: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  readonly alias?: string;
}
