import type { MinterResource, ResourceKind, RevocationResource } from '#wire';
import type { ResourceUpdate } from '#wire/gen/hauberk_workload';

const KINDS: ReadonlySet<string> = new Set<ResourceKind>(['Minter', 'Revocation']);

/** Minters and revocations of each trust domain, as the agent last sent them. */
export class Enforced {
  readonly #domains = new Map<string, ReadonlyMap<string, unknown>>();

  apply(update: ResourceUpdate): void {
    const known = new Map<string, unknown>(update.full ? [] : this.#domains.get(update.trustDomain));
    for (const { kind, key, bodyJson } of update.upserts) {
      if (KINDS.has(kind)) known.set(`${kind} ${key}`, JSON.parse(bodyJson));
    }
    for (const { kind, key } of update.removals) known.delete(`${kind} ${key}`);
    this.#domains.set(update.trustDomain, known);
  }

  has(trustDomain: string): boolean {
    return this.#domains.has(trustDomain);
  }

  /** The minter that a trust domain itself registered under a key id. */
  minter(trustDomain: string, kid: string): MinterResource | undefined {
    const found = this.#domains.get(trustDomain)?.get(`Minter ${kid}`);
    // Sent by the agent over its own socket; the verifier compares every field that it uses.
    return found === undefined ? undefined : (found as MinterResource);
  }

  revocations(trustDomain: string): readonly RevocationResource[] {
    const all = [...(this.#domains.get(trustDomain) ?? [])];
    return all.filter(([key]) => key.startsWith('Revocation ')).map(([, body]) => body as RevocationResource);
  }
}
