import { type Clock, faultCode, type Log, type Random, toFault } from '#kernel';
import type { BundleResource } from '#wire';
import { createCertificateRequest } from '#x509';
import { type AgentIdentity, adoptIdentity } from './agent-identity.ts';
import { newKey } from './key.ts';
import type { ServerClient } from './server-client.ts';

export interface OwnCertificateOptions {
  readonly trustDomain: string;
  /** The bundle of the trust domain at the time of asking. */
  readonly bundle: () => BundleResource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** This agent's own X509-SVID in a trust domain: one at a time, or none. */
export class OwnCertificate {
  readonly #options: OwnCertificateOptions;
  #identity: AgentIdentity | undefined;

  constructor(options: OwnCertificateOptions) {
    this.#options = options;
  }

  /** What is held, whether it is valid now or not. */
  get identity(): AgentIdentity | undefined {
    return this.#identity;
  }

  isCurrent(): boolean {
    const now = this.#options.clock.now();
    return this.#identity !== undefined && this.#identity.notBefore <= now && now < this.#identity.notAfter;
  }

  forget(): void {
    this.#identity = undefined;
  }

  /** Holds what the server issued, verified. Throws as `adoptIdentity` does. */
  adopt(agentId: string, key: AgentIdentity['key'], chain: readonly Uint8Array[]): void {
    this.#identity = this.#verified(agentId, key, chain);
  }

  /** True when there is a new certificate, or none is to be had with the old one. */
  async renew(client: ServerClient, identity: AgentIdentity, signal: AbortSignal): Promise<boolean> {
    const { trustDomain, log } = this.#options;
    try {
      const key = newKey();
      const { certificateChain } = await client.renew({ trustDomain, csr: createCertificateRequest(key) }, signal);
      const renewed = this.#verified(identity.id, key, certificateChain);
      if (this.#identity === identity) this.#identity = renewed;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      log.warn('agent certificate not renewed', { trustDomain, error: toFault(error) });
      if (faultCode(error) !== 'AGENT_NOT_ATTESTED') return false;
      if (this.#identity === identity) this.#identity = undefined;
      return true;
    }
  }

  #verified(agentId: string, key: AgentIdentity['key'], chain: readonly Uint8Array[]): AgentIdentity {
    const { clock, random, bundle } = this.#options;
    return adoptIdentity({ agentId, key, chain, bundle: bundle(), now: clock.now(), random });
  }
}
