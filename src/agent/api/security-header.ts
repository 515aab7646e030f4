import { Fault } from '#kernel';
import type { CallContext } from '#wire';

/**
 * Workload Endpoint §3: every request carries the metadata `workload.spiffe.io: true`, exactly once and exactly so; it keeps requests out
 * that a workload was tricked into sending (SSRF). Throws `IDENTITY_HEADER_MISSING`.
 */
export function assertSecurityHeader({ metadata }: Pick<CallContext<unknown>, 'metadata'>): void {
  const values = metadata.all('workload.spiffe.io');
  if (values.length !== 1 || values[0] !== 'true') {
    throw new Fault('IDENTITY_HEADER_MISSING', 'security header missing from request: workload.spiffe.io: true');
  }
}
