import type { GuardedRequest, Workload } from 'hauberk/sdk';

/** Who a service saw, as it verified it itself: one hop of the chain, told in the answer. */
export interface Seen {
  readonly service: string;
  readonly workload: string;
  readonly user: string | undefined;
  readonly peer: string;
  readonly tenant: string;
  readonly txn: string;
}

export function look({ id }: Workload, { authority }: GuardedRequest): Seen {
  const { user, workload: peer, tenant, txn } = authority;
  const service = `${id.trustDomain}${id.path}`;
  return { service, workload: id.toString(), user: user?.spiffeId, peer, tenant, txn };
}
