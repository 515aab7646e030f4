import { Fault, LIMITS } from '#kernel';
import type { MethodLimits } from '#rpc';
import type { AgentSvid, Attestation, Nodes } from './nodes.ts';

/** Anybody may begin one: it is small, and a challenge is answered in time or not at all. */
export const NODE_ATTESTATION: MethodLimits = {
  requestBytes: LIMITS.attestationRequestBytes.value,
  callSeconds: LIMITS.attestationSeconds.value,
};

/** What a server says to a node that attests: questions, then its certificate. */
export type AttestStep = { readonly challenge: Uint8Array } | { readonly svid: AgentSvid };

/**
 * Runs an attestation over a stream: yields each question of the attestor, takes the node's answer from `answer`, and ends with the
 * certificate. An `answer` of undefined is a node that said something else.
 */
export async function* attestNode(
  nodes: Nodes,
  attestation: Omit<Attestation, 'challenge'>,
  answer: () => Promise<Uint8Array | undefined>,
  signal: AbortSignal,
): AsyncGenerator<AttestStep> {
  const exchange = new Exchange();
  const result = nodes
    .attest({ ...attestation, challenge: (bytes) => exchange.ask(bytes) }, signal)
    .finally(() => exchange.end());
  // Its failure is thrown where it is awaited.
  result.catch(() => undefined);
  for await (const challenge of exchange.questions()) {
    yield { challenge };
    const response = await answer();
    if (response === undefined) exchange.fail(new Fault('ARGUMENT_INVALID', 'missing challenge response'));
    else exchange.answer(Buffer.from(response));
  }
  yield { svid: await result };
}

/** Turns an attestor's questions into the messages of a stream and back: one question at a time. */
class Exchange {
  #asked: PromiseWithResolvers<Uint8Array | undefined> = Promise.withResolvers();
  #answered: PromiseWithResolvers<Buffer> = Promise.withResolvers();

  ask(challenge: Uint8Array): Promise<Buffer> {
    this.#answered = Promise.withResolvers();
    this.#asked.resolve(challenge);
    return this.#answered.promise;
  }

  async *questions(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const challenge = await this.#asked.promise;
      if (challenge === undefined) return;
      this.#asked = Promise.withResolvers();
      yield challenge;
    }
  }

  answer(response: Buffer): void {
    this.#answered.resolve(response);
  }

  fail(error: unknown): void {
    this.#answered.reject(error);
  }

  end(): void {
    this.#asked.resolve(undefined);
  }
}
