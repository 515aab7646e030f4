import { z } from 'zod';
import type { NodeEvidenceSource } from '#attestation';
import { Fault, type Random } from '#kernel';
import { awsIidEvidence } from '#plugins/node-attestor/aws-iid';
import { httpChallengeEvidence } from '#plugins/node-attestor/http-challenge';
import { k8sPsatEvidence } from '#plugins/node-attestor/k8s-psat';
import { x509popEvidence } from '#plugins/node-attestor/x509pop';
import type { Client } from '#wire';
import type { AgentSyncDefinition, AttestNodeRequest, AttestRequest, AttestResponse } from '#wire/gen/hauberk_sync';

const file = z.string().min(1);

/** How the agent proves its node where it has no join token. */
export const nodeEvidenceSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('x509pop'), certFile: file, keyFile: file }),
  z.strictObject({
    type: z.literal('k8s_psat'),
    cluster: z.string().min(1),
    tokenFile: file.default('/var/run/secrets/tokens/spire-agent'),
  }),
  z.strictObject({ type: z.literal('aws_iid') }),
  z.strictObject({
    type: z.literal('http_challenge'),
    hostname: z.string().min(1),
    agentName: z.string().min(1).default('default'),
    port: z.number().int().min(1).max(65_535).default(80),
  }),
]);

export function nodeEvidence(config: z.output<typeof nodeEvidenceSchema>, random: Random): NodeEvidenceSource {
  switch (config.type) {
    case 'x509pop':
      return x509popEvidence({ ...config, random });
    case 'k8s_psat':
      return k8sPsatEvidence(config.cluster, config.tokenFile);
    case 'aws_iid':
      return awsIidEvidence();
    case 'http_challenge':
      return httpChallengeEvidence(config);
  }
}

/** Attests by evidence: answers the server's challenges until it gives a certificate. Throws what either side refuses. */
export async function attestByEvidence(
  client: Client<typeof AgentSyncDefinition>,
  source: NodeEvidenceSource,
  params: Omit<AttestRequest, 'type' | 'payload'>,
  signal: AbortSignal,
): Promise<AttestResponse> {
  const answers: PromiseWithResolvers<Buffer>[] = [Promise.withResolvers()];
  const payload = await source.payload(signal);
  async function* requests(): AsyncGenerator<AttestNodeRequest> {
    yield { params: { ...params, type: source.type, payload }, challengeResponse: undefined };
    for (let next = answers.at(-1); next !== undefined; next = answers.at(-1))
      yield { params: undefined, challengeResponse: await next.promise };
  }
  try {
    for await (const { challenge, result } of client.attestNode(requests(), signal)) {
      if (result !== undefined) return result;
      const response = await source.respond(Buffer.from(challenge ?? []), signal);
      const answered = answers.at(-1);
      answers.push(Promise.withResolvers());
      answered?.resolve(response);
    }
  } finally {
    await source.done?.();
  }
  throw new Fault('UPSTREAM_UNAVAILABLE', 'the server ended the attestation without a word');
}
