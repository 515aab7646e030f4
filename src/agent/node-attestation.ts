import type { KeyObject } from 'node:crypto';
import type { NodeEvidenceSource } from '#attestation';
import { Fault, faultCode } from '#kernel';
import type { AttestResponse } from '#wire/gen/hauberk_sync';
import { createCertificateRequest } from '#x509';
import { PROTOCOL_VERSION } from './acknowledgements.ts';
import { attestByEvidence } from './node-evidence.ts';
import type { ServerClient } from './server-client.ts';

export interface NodeAttestationOptions {
  readonly trustDomain: string;
  readonly joinToken: string | undefined;
  /** How the agent proves its node where it has no join token. */
  readonly evidence: NodeEvidenceSource | undefined;
  readonly stop: AbortSignal;
}

/** How this agent attests in a trust domain: by a join token while there is one, else by the node's own evidence, as often as need be. */
export class NodeAttestation {
  readonly #options: NodeAttestationOptions;
  #joinToken: string | undefined;

  constructor(options: NodeAttestationOptions) {
    this.#options = options;
    this.#joinToken = options.joinToken;
  }

  get hasEvidence(): boolean {
    return this.#options.evidence !== undefined;
  }

  /** False when only a new join token helps. */
  get isPossible(): boolean {
    return this.hasEvidence || this.#joinToken !== undefined;
  }

  provide(joinToken: string): void {
    this.#joinToken = joinToken;
  }

  /** A certificate for a key. Throws `AGENT_NOT_ATTESTED` where there is nothing to attest by, and what either side refuses. */
  async attest(client: ServerClient, key: KeyObject): Promise<AttestResponse> {
    const { trustDomain, evidence, stop } = this.#options;
    const token = this.#joinToken;
    const common = { trustDomain, csr: createCertificateRequest(key), protocolVersion: PROTOCOL_VERSION };
    if (token === undefined) {
      if (evidence === undefined) throw new Fault('AGENT_NOT_ATTESTED', 'the agent needs a new join token');
      return attestByEvidence(client, evidence, common, stop);
    }
    try {
      const answer = await client.attest({ ...common, type: 'join_token', payload: Buffer.from(token) }, stop);
      // The token is spent now, whatever is thought of the answer.
      this.#spend(token);
      return answer;
    } catch (error) {
      if (faultCode(error) === 'AGENT_TOKEN_INVALID') this.#spend(token);
      throw error;
    }
  }

  /** A newer token may have come meanwhile. */
  #spend(token: string): void {
    if (this.#joinToken === token) this.#joinToken = undefined;
  }
}
