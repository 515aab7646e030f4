import { Fault } from '#kernel';

export type SlotState = 'prepared' | 'active' | 'old';

/** What an operator sees of a slot. */
export interface AuthorityState {
  readonly id: string;
  readonly state: SlotState;
  readonly tainted: boolean;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** Hexadecimal subject key id of the upstream authority above a CA that is not self-signed. */
  readonly upstreamAuthorityId?: string;
}

/** What was asked for does not go with the state that an authority is in. */
export function wrongState(rule: string): Fault {
  return new Fault('AUTHORITY_STATE_INVALID', rule);
}
