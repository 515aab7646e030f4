import type { AttestedNode, NodeAttestor, NodeEvidence } from '#attestation';
import { Fault } from '#kernel';
import type { JoinToken } from '#registry';

/** Longer payloads are no tokens. */
const MAX_TOKEN_BYTES = 255;

/** A secret that an operator made for one node. It is looked at here and used up with the creation of the agent. */
export class JoinTokenAttestor implements NodeAttestor {
  readonly type = 'join_token';
  readonly #peek: (trustDomain: string, token: string) => Promise<JoinToken>;

  constructor(peek: (trustDomain: string, token: string) => Promise<JoinToken>) {
    this.#peek = peek;
  }

  async attest({ trustDomain, payload }: NodeEvidence): Promise<AttestedNode> {
    if (payload.length > MAX_TOKEN_BYTES)
      throw new Fault('AGENT_TOKEN_INVALID', 'join token does not exist or has already been used');
    const { token, alias } = await this.#peek(trustDomain, payload.toString('utf8'));
    return {
      path: `/spire/agent/join_token/${token}`,
      selectors: [],
      canReattest: false,
      joinToken: { token, ...(alias === undefined ? {} : { alias }) },
    };
  }
}
