import type { Draft } from '#registry';
import type { Status } from '#wire/gen/spire/api/types';
import type { Admitted, Gate } from './bind.ts';
import { itemStatus, OK } from './status.ts';

/** Writes what is sound of a batch in one commit, and says of each item what became of it. */
export async function writeBatch<T>(
  { state }: Gate,
  { trustDomain, by }: Admitted,
  items: readonly T[],
  add: (draft: Draft, item: T, index: number) => void,
): Promise<Status[]> {
  let statuses: Status[] = [];
  const fill = (draft: Draft): void => {
    statuses = items.map((item, index) => {
      try {
        add(draft, item, index);
        return OK;
      } catch (error) {
        return itemStatus(error);
      }
    });
  };
  await state.commit(trustDomain, fill, by);
  return statuses;
}
