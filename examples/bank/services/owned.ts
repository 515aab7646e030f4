/** A resource as Cedar sees it. Without an owner nobody may touch it. */
export interface Owned {
  readonly type: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export function owned(type: 'Profile' | 'Account', id: string, owner: string | undefined): Owned {
  return { type, id, attributes: owner === undefined ? {} : { owner: { __entity: { type: 'User', id: owner } } } };
}
