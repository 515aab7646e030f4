import { type Receipt, type RequestAuthority, reasonCode } from '#chain';
import { Fault } from '#kernel';
import type { CedarEngine } from '#policy';

/** What is asked about. Attribute values are texts, integers, booleans, lists, objects and `{ __entity: { type, id } }`. */
export interface GuardedResource {
  readonly type: string;
  readonly id: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** What the question leaves in the ledger. */
export type GuardFacts = Pick<Receipt, 'effect' | 'code' | 'action' | 'resource'> & Partial<Pick<Receipt, 'rule'>>;

/** What a peer of another trust domain may do by the relationship; a refusal leaves a receipt. Throws `FEDERATION_NOT_ALLOWED`. */
export function guardFederated(
  judge: () => void,
  action: string,
  resource: GuardedResource,
  note: (facts: GuardFacts) => void,
): void {
  try {
    judge();
  } catch (error) {
    note({ action, resource: nameOf(resource), effect: 'deny', code: 'FEDERATION_NOT_ALLOWED' });
    throw error;
  }
}

/**
 * The domain question: may this workload, for this user, do this to this resource of this tenant? The principal is the user; without one it is the
 * workload, and never one in the other's place. No engine is a deny. Throws `RESOURCE_NOT_PERMITTED`, `POLICY_ERROR` or `POLICY_UNAVAILABLE`.
 */
export function guard(
  engine: CedarEngine | undefined,
  authority: RequestAuthority,
  action: string,
  resource: GuardedResource,
  note: (facts: GuardFacts) => void,
): void {
  const asked = { action, resource: nameOf(resource) };
  const decision = engine?.authorize({
    principal:
      authority.user === undefined
        ? { type: 'Workload', id: authority.workload }
        : { type: 'User', id: authority.user.spiffeId },
    action,
    resource,
    context: {
      workload: authority.workload,
      tenant: authority.tenant,
      txn: authority.txn,
      roles: authority.user?.roles ?? [],
      scope: authority.user?.scope ?? [],
    },
  });
  if (decision?.effect === 'allow') {
    note({
      ...asked,
      effect: 'allow',
      code: 'ALLOWED',
      ...(decision.rule === undefined ? {} : { rule: decision.rule }),
    });
    return;
  }
  const code =
    decision === undefined
      ? 'POLICY_UNAVAILABLE'
      : decision.code === 'POLICY_ERROR'
        ? 'POLICY_ERROR'
        : 'RESOURCE_NOT_PERMITTED';
  note({ ...asked, effect: 'deny', code, ...(decision?.rule === undefined ? {} : { rule: decision.rule }) });
  throw new Fault(code, reasonCode(code).meaning);
}

function nameOf({ type, id }: GuardedResource): string {
  return `${type}::"${id}"`;
}
