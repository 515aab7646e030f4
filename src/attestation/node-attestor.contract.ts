import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultCode } from '#kernel';
import type { NodeAttestor, NodeEvidence } from './node-attestor.ts';

export interface NodeAttestorCase {
  readonly attestor: NodeAttestor;
  readonly payload: Buffer;
  /** The node's answer; absent for an attestor that asks nothing. */
  readonly respond?: (challenge: Buffer) => Buffer | Promise<Buffer>;
  readonly close?: () => Promise<void>;
}

const TRUST_DOMAIN = 'bank-a';
const REFUSALS: readonly (string | undefined)[] = ['ARGUMENT_INVALID', 'ATTESTATION_FAILED', 'AGENT_TOKEN_INVALID'];

/** What every node attestor promises. `make` gives a fresh one with sound evidence for the trust domain `bank-a`. */
export function nodeAttestorContract(name: string, make: () => NodeAttestorCase | Promise<NodeAttestorCase>): void {
  const evidence = (one: NodeAttestorCase, more: Partial<NodeEvidence> = {}): NodeEvidence => ({
    trustDomain: TRUST_DOMAIN,
    payload: one.payload,
    challenge: async (challenge) => (await one.respond?.(Buffer.from(challenge))) ?? assert.fail('nothing is asked'),
    ...more,
  });
  const attest = (one: NodeAttestorCase, more?: Partial<NodeEvidence>) =>
    one.attestor.attest(evidence(one, more), new AbortController().signal);
  const withCase = (run: (one: NodeAttestorCase) => Promise<void>) => async () => {
    const one = await make();
    try {
      await run(one);
    } finally {
      await one.close?.();
    }
  };
  const refuses = (attempt: Promise<unknown>) =>
    assert.rejects(attempt, (error) => REFUSALS.includes(faultCode(error)));

  test(
    `${name}: sound evidence names an agent below its own attestor, with selectors of its own type`,
    withCase(async (one) => {
      const { path, selectors } = await attest(one);
      assert.ok(path.startsWith(`/spire/agent/${one.attestor.type}/`));
      for (const selector of selectors) assert.ok(selector.startsWith(`${one.attestor.type}:`));
    }),
  );

  test(
    `${name}: evidence that is no evidence is refused, whatever it is`,
    withCase(async (one) => {
      const { payload } = one;
      const garbage = ['', 'x', '{}', '[]', 'null', '{"a":', '\u0000', '[['.repeat(40_000)];
      for (const text of garbage) await refuses(attest(one, { payload: Buffer.from(text) }));
      await refuses(attest(one, { payload: payload.subarray(0, payload.length - 1) }));
      await refuses(attest(one, { payload: Buffer.alloc(100_000, 0x20) }));
    }),
  );

  test(
    `${name}: an answer that is none, or that answered another challenge, is refused`,
    withCase(async (one) => {
      if (one.respond === undefined) return;
      const kept: Buffer[] = [];
      await attest(one, {
        challenge: async (challenge) => {
          const answer = (await one.respond?.(Buffer.from(challenge))) ?? Buffer.alloc(0);
          kept.push(answer);
          return answer;
        },
      });
      if (one.attestor.type === 'http_challenge') return;
      for (const answer of [Buffer.alloc(0), Buffer.from('x'), Buffer.from('{}'), kept[0] ?? Buffer.alloc(0)])
        await refuses(attest(one, { challenge: async () => answer }));
    }),
  );
}
