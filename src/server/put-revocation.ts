import { Fault, LIMITS } from '#kernel';
import type { Draft, Registry } from '#registry';
import { type RevocationResource, revocationKey } from '#wire';

/** Throws `LIMIT_EXCEEDED`, `NOT_FOUND` for a minter that nobody registered, and what `Draft.add` throws. */
export function putRevocation(registry: Registry, draft: Draft, trustDomain: string, body: RevocationResource): void {
  const key = revocationKey(body);
  const isNew = draft.find('Revocation', trustDomain, key) === undefined;
  // Each is sent to every enforcement point.
  if (isNew && registry.list('Revocation', trustDomain).length >= LIMITS.revocations.value)
    throw new Fault('LIMIT_EXCEEDED', 'the trust domain has as many revocations as may stand at once');
  if (body.kind === 'minter') assertMinter(draft, trustDomain, body.value);
  draft.add(trustDomain, { kind: 'Revocation', key, body });
}

/** A key id that nobody registered is a slip of the pen, and what it was meant for would go on. */
function assertMinter(draft: Draft, trustDomain: string, value: string): void {
  if (value.startsWith('spiffe://') || draft.find('Minter', trustDomain, value) !== undefined) return;
  throw new Fault('NOT_FOUND', 'no minter of this key id is registered in the trust domain');
}
