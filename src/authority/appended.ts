import { Fault, LIMITS } from '#kernel';
import type { AuthorityKind } from './authority-kind.ts';
import type { AuthorityState } from './authority-state.ts';
import { wrongState } from './authority-state.ts';

/** An authority that somebody else signs with, in the bundle beside the own ones: a server's below, or one that an operator knows. */
export interface AppendedAuthority {
  readonly kind: AuthorityKind;
  /** Hexadecimal subject key id of a CA; `kid` of the others. */
  readonly id: string;
  /** Standard base64: of the DER certificate, or of SubjectPublicKeyInfo. */
  readonly content: string;
  /** Milliseconds since the epoch; absent where it is not known. */
  readonly notAfter?: number;
  readonly tainted: boolean;
  /** It came from the upstream, and goes when it is gone there. */
  readonly fromUpstream?: true;
}

/** Adds what is not there yet. Throws `ALREADY_EXISTS` for an id that stands for another key, `LIMIT_EXCEEDED`. */
export function appended(
  present: readonly AppendedAuthority[],
  more: readonly AppendedAuthority[],
): readonly AppendedAuthority[] {
  const all = [...present];
  for (const one of more) {
    const same = all.find(({ kind, id }) => kind === one.kind && id === one.id);
    if (same === undefined) all.push(one);
    else if (same.content !== one.content)
      throw new Fault('ALREADY_EXISTS', 'an authority of this id with another key is in the bundle already');
  }
  if (all.length > LIMITS.appendedAuthorities.value)
    throw new Fault('LIMIT_EXCEEDED', 'too many authorities of others are in the bundle');
  return all.length === present.length ? present : all;
}

/** What the upstream publishes now, in the place of what it published before; what was appended here stays. */
export function followed(
  present: readonly AppendedAuthority[],
  above: readonly AppendedAuthority[],
): readonly AppendedAuthority[] {
  const here = present.filter(({ fromUpstream }) => fromUpstream !== true);
  const fresh = above
    .filter(({ kind, id }) => !here.some((one) => one.kind === kind && one.id === id))
    .slice(0, LIMITS.appendedAuthorities.value - here.length)
    .map((one) => ({ ...one, fromUpstream: true as const }));
  const all = [...here, ...fresh];
  return JSON.stringify(all) === JSON.stringify(present) ? present : all;
}

/** Throws `AUTHORITY_STATE_INVALID` when it is tainted already. */
export function taintAppended(
  present: readonly AppendedAuthority[],
  target: AppendedAuthority,
): readonly AppendedAuthority[] {
  if (target.tainted) throw wrongState('the authority is already tainted');
  return present.map((one) => (one === target ? { ...one, tainted: true } : one));
}

/** Throws `AUTHORITY_STATE_INVALID` for one that is not tainted. */
export function revokeAppended(
  present: readonly AppendedAuthority[],
  target: AppendedAuthority,
): readonly AppendedAuthority[] {
  if (!target.tainted) throw wrongState('it is not possible to revoke an untainted authority');
  return present.filter((one) => one !== target);
}

export function stateOfAppended({ id, tainted, notAfter = 0 }: AppendedAuthority): AuthorityState {
  return { id, state: 'old', tainted, notAfter };
}

export function isAppended(value: unknown): value is AppendedAuthority {
  if (typeof value !== 'object' || value === null) return false;
  const one: Partial<Record<keyof AppendedAuthority, unknown>> = value;
  const known = one.kind === 'x509' || one.kind === 'jwt' || one.kind === 'wit';
  const texts = typeof one.id === 'string' && typeof one.content === 'string';
  const flags = typeof one.tainted === 'boolean' && (one.fromUpstream === undefined || one.fromUpstream === true);
  return known && texts && flags && ['undefined', 'number'].includes(typeof one.notAfter);
}
