/** What a node brings to prove which node it is. */
export interface NodeEvidence {
  readonly trustDomain: string;
  readonly payload: Buffer;
  /** Sends a challenge to the node and waits for its response. */
  readonly challenge: (challenge: Uint8Array) => Promise<Buffer>;
}

/** A node whose evidence held. */
export interface AttestedNode {
  /** Path of its agent's SPIFFE ID; lies under `/spire/agent/<type>/`. */
  readonly path: string;
  /** `type:value`, what was seen of it. */
  readonly selectors: readonly string[];
  /** The evidence can be given again; without this the first to use it has it (trust on first use), and its agent renews. */
  readonly canReattest: boolean;
  /** To be used up in the transaction that creates the agent. */
  readonly joinToken?: { readonly token: string; readonly alias?: string };
}

/**
 * Port: one way to prove which node an agent runs on. An attestor uses only what it has verified. Implementations pass
 * `nodeAttestorContract`.
 */
export interface NodeAttestor {
  /** Name on the wire, such as `x509pop`. */
  readonly type: string;
  /** Throws `ATTESTATION_FAILED` for evidence that does not hold, `AGENT_TOKEN_INVALID`, or `ARGUMENT_INVALID` for what cannot be read. */
  attest(evidence: NodeEvidence, signal: AbortSignal): Promise<AttestedNode>;
}

/** Port: the agent's side of a node attestor. */
export interface NodeEvidenceSource {
  readonly type: string;
  /** What the agent sends first; read again at each attestation. */
  payload(signal: AbortSignal): Promise<Buffer>;
  /** Answers a challenge. Sources that are asked nothing throw `ATTESTATION_FAILED`. */
  respond(challenge: Buffer, signal: AbortSignal): Promise<Buffer>;
  /** After the attestation, however it went. */
  done?(): Promise<void>;
}
