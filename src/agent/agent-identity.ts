import type { KeyObject } from 'node:crypto';
import { Fault, type Random } from '#kernel';
import { parseX509Bundle, verifyX509Svid } from '#spiffe';
import type { BundleResource } from '#wire';
import { spkiOf } from './key.ts';
import { rotateAt } from './rotation.ts';

/** This agent's own X509-SVID in one trust domain. */
export interface AgentIdentity {
  readonly id: string;
  readonly key: KeyObject;
  readonly chain: readonly Uint8Array[];
  readonly renewAt: number;
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Issued {
  readonly agentId: string;
  readonly key: KeyObject;
  readonly chain: readonly Uint8Array[];
  readonly bundle: BundleResource;
  readonly now: number;
  readonly random: Random;
}

/** Takes over a certificate as a relying party would see it, never on the word of its sender. Throws `IDENTITY_UNAVAILABLE`, `PEER_…`. */
export function adoptIdentity({ agentId, key, chain, bundle, now, random }: Issued): AgentIdentity {
  const bundles = new Map([[bundle.trustDomain, parseX509Bundle(bundle)]]);
  const { id, leaf, notAfter } = verifyX509Svid({ chain, bundles, at: now, purpose: 'client' });
  if (`${id}` !== agentId || !id.path.startsWith('/spire/agent/') || !leaf.spki.equals(spkiOf(key)))
    throw new Fault('IDENTITY_UNAVAILABLE', 'the server issued something else than the certificate of this agent');
  return { id: agentId, key, chain, notBefore: leaf.notBefore, notAfter, renewAt: rotateAt(now, notAfter, random) };
}
