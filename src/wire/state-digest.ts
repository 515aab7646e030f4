import { createHash } from 'node:crypto';

export interface DigestedResource {
  readonly kind: string;
  readonly key: string;
  readonly json: string;
}

/**
 * SHA-256 of resources, in whatever order they come: who holds the same texts under the same names has the same digest, and nobody else.
 */
export function stateDigest(resources: Iterable<DigestedResource>): Buffer {
  const lines = Array.from(resources, ({ kind, key, json }) => JSON.stringify([kind, key, json])).sort();
  return createHash('sha256').update(lines.join('\n')).digest();
}
