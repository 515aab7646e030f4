import type { AppendedAuthority } from './appended.ts';
import type { AuthorityKind } from './authority-kind.ts';
import type { JournalAnchor } from './journal-record.ts';
import { isSelfIssued, type Slot } from './slot.ts';

/** What relying parties trust of a trust domain, as its authority publishes it. */
export interface AuthorityBundle {
  readonly trustDomain: string;
  /** Standard base64 of DER. */
  readonly x509Authorities: readonly string[];
  /** Hexadecimal subject key ids of those that are tainted: what they signed is to be replaced, and still verifies. */
  readonly taintedX509Authorities: readonly string[];
  readonly jwtAuthorities: readonly AuthorityKey[];
  readonly witAuthorities: readonly AuthorityKey[];
  readonly sequence: number;
}

export interface AuthorityKey {
  readonly kid: string;
  /** Standard base64 of SubjectPublicKeyInfo. */
  readonly publicKey: string;
  /** Unix seconds; absent where it is not known. */
  readonly notAfter?: number;
  readonly tainted: boolean;
}

/** Everything of a bundle but its sequence. */
export type BundleContent = Omit<AuthorityBundle, 'trustDomain' | 'sequence'>;

export function bundleContent(
  slots: readonly Slot[],
  upstream: readonly JournalAnchor[],
  appended: readonly AppendedAuthority[] = [],
): BundleContent {
  const own = slots.flatMap(({ id, tainted, chain }) => {
    const root = chain.at(-1);
    if (root === undefined || !isSelfIssued(root)) return [];
    return [{ id, tainted, certificate: root.der.toString('base64') }];
  });
  const foreign = appended
    .filter(({ kind }) => kind === 'x509')
    .map(({ id, tainted, content }) => ({ id, tainted, certificate: content }));
  const anchors = [...own, ...upstream.filter(({ revoked }) => !revoked), ...foreign];
  return {
    x509Authorities: anchors.map(({ certificate }) => certificate),
    taintedX509Authorities: anchors.filter(({ tainted }) => tainted).map(({ id }) => id),
    jwtAuthorities: [...keysOf(slots, 'jwt'), ...appendedKeys(appended, 'jwt')],
    witAuthorities: [...keysOf(slots, 'wit'), ...appendedKeys(appended, 'wit')],
  };
}

function keysOf(slots: readonly Slot[], kind: AuthorityKind): readonly AuthorityKey[] {
  return slots
    .filter((slot) => slot.kind === kind)
    .map(({ id, spki, notAfter, tainted }) => ({
      kid: id,
      publicKey: spki.toString('base64'),
      notAfter: Math.floor(notAfter / 1000),
      tainted,
    }));
}

function appendedKeys(appended: readonly AppendedAuthority[], kind: AuthorityKind): readonly AuthorityKey[] {
  return appended
    .filter((one) => one.kind === kind)
    .map(({ id, content, notAfter, tainted }) => ({
      kid: id,
      publicKey: content,
      ...(notAfter === undefined ? {} : { notAfter: Math.floor(notAfter / 1000) }),
      tainted,
    }));
}
