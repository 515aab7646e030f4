import type { AppendedAuthority } from './appended.ts';
import type { AuthorityKind } from './authority-kind.ts';
import type { SlotState } from './authority-state.ts';
import type { KeyType } from './key-type.ts';

/** What the journal of a trust domain's authorities holds. */
export interface JournalRecord {
  readonly version: number;
  /** Of the bundle; raised on every change of its content. */
  readonly sequence: number;
  readonly slots: readonly JournalSlot[];
  /** Authorities of an upstream that signed CAs of ours: these are in the bundle in the place of those. */
  readonly upstream: readonly JournalAnchor[];
  /** Authorities of others that are in the bundle too. */
  readonly appended?: readonly AppendedAuthority[];
}

export interface JournalSlot {
  readonly kind: AuthorityKind;
  /** Hexadecimal subject key id of a CA; `kid` of the others. */
  readonly id: string;
  readonly keyName: string;
  readonly keyType: KeyType;
  readonly state: SlotState;
  readonly tainted: boolean;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Standard base64 of SubjectPublicKeyInfo. */
  readonly publicKey: string;
  /** Standard base64 of DER: of a CA, its certificate and the intermediates above it; empty otherwise. */
  readonly chain: readonly string[];
}

export interface JournalAnchor {
  /** Hexadecimal subject key id. */
  readonly id: string;
  /** Standard base64 of DER. */
  readonly certificate: string;
  readonly tainted: boolean;
  /** Out of the bundle, and remembered, so that an upstream which still has it does not bring it back. */
  readonly revoked: boolean;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}
