import type { Receipt } from '#chain';
import type { Registry } from '#registry';
import type { TrustDomainResource } from '#wire';

/** Notes the federations that receipts show in use: a link was allowed to or from a workload of another trust domain. */
export function touchFederations(registry: Registry, receipts: readonly Receipt[]): void {
  const used = new Map(
    receipts.flatMap((receipt) => {
      const other = receipt.effect === 'allow' ? trustDomainOfId(receipt.peer) : undefined;
      const { trustDomain } = receipt;
      return other === undefined || other === trustDomain ? [] : [[`${trustDomain}\n${other}`, { trustDomain, other }]];
    }),
  );
  for (const { trustDomain, other } of used.values())
    if (federates(registry, trustDomain, other)) registry.touch('Federation', trustDomain, other);
}

function federates(registry: Registry, trustDomain: string, other: string): boolean {
  if (registry.find('Federation', trustDomain, other) !== undefined) return true;
  const domain = registry.find<TrustDomainResource>('TrustDomain', trustDomain, trustDomain);
  return domain?.federatesWith.includes(other) === true;
}

function trustDomainOfId(id: string | undefined): string | undefined {
  return /^spiffe:\/\/([^/]+)\//.exec(id ?? '')?.[1];
}
