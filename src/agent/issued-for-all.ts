import { Fault } from '#kernel';
import { type Entitlement, expiryOf } from './entitlement.ts';
import type { Issued } from './issued-cache.ts';

/** An identity of a caller with what was issued for it. */
export type Given<T extends Issued> = Entitlement &
  T & {
    /** The very object that is kept in the cache: whoever holds it keeps it from being issued anew. */
    readonly issued: T;
  };

export interface IssuedForAll<T extends Issued> {
  /** The default identity first. */
  readonly identities: readonly [Given<T>, ...Given<T>[]];
  /** When to ask again, though nothing has changed. */
  readonly renewAt: number;
}

const RETRY_MILLIS = 1000;

/**
 * Asks for each of the caller's identities; one that cannot be issued does not hold back the others. At once when none has to be waited for.
 * Throws when none can be issued.
 */
export function issuedForAll<T extends Issued>(
  entitled: readonly Entitlement[],
  now: number,
  ask: (one: Entitlement) => T | Promise<T>,
): IssuedForAll<T> | Promise<IssuedForAll<T>> {
  const asked = entitled.map((one) => given(one, ask));
  const atOnce = asked.filter((one): one is Given<T> => !(one instanceof Promise));
  return atOnce.length === asked.length && asked.length > 0
    ? together(atOnce)
    : Promise.allSettled(asked).then((results) => afterWaiting(results, now));
}

function given<T extends Issued>(
  one: Entitlement,
  ask: (one: Entitlement) => T | Promise<T>,
): Given<T> | Promise<Given<T>> {
  const join = (issued: T): Given<T> => ({ ...one, ...issued, issued });
  try {
    const answer = ask(one);
    return answer instanceof Promise ? answer.then(join) : join(answer);
  } catch (error) {
    return Promise.reject(error);
  }
}

function afterWaiting<T extends Issued>(results: PromiseSettledResult<Given<T>>[], now: number): IssuedForAll<T> {
  const identities = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (identities.length === 0 && failed !== undefined) throw failed.reason;
  return together(identities, failed === undefined ? Number.POSITIVE_INFINITY : now + RETRY_MILLIS);
}

function together<T extends Issued>(
  [first, ...others]: readonly Given<T>[],
  retryAt = Number.POSITIVE_INFINITY,
): IssuedForAll<T> {
  if (first === undefined) throw new Fault('IDENTITY_UNAVAILABLE', 'no identity can be issued at the moment');
  const identities = [first, ...others] as const;
  const dues = identities.map(({ renewAt, entry }) => Math.min(renewAt, expiryOf(entry)));
  return { identities, renewAt: Math.min(retryAt, ...dues) };
}
