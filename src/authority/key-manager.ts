/**
 * Port: where an authority's private keys live. Keys are P-256; they are named, never exported through this port.
 * Implementations pass `keyManagerContract`.
 */
export interface KeyManager {
  /** Makes a new key under a name that is not in use yet and returns its public key (SubjectPublicKeyInfo, DER). */
  generate(name: string, signal?: AbortSignal): Promise<Buffer>;
  /** Public key of a name, or undefined. */
  find(name: string, signal?: AbortSignal): Promise<Buffer | undefined>;
  /** ECDSA with SHA-256, DER encoding of r and s. Throws `NOT_FOUND` for an unknown name. */
  sign(name: string, data: Uint8Array, signal?: AbortSignal): Promise<Buffer>;
  /** Forgets a key; unknown names are fine. */
  delete(name: string, signal?: AbortSignal): Promise<void>;
}

/** Port: what an authority remembers between runs. Certificates only, never keys. */
export interface AuthorityJournal {
  load(): Promise<readonly JournalSlot[] | undefined>;
  /** Replaces everything at once, durably. */
  save(slots: readonly JournalSlot[]): Promise<void>;
}

export interface JournalSlot {
  readonly keyName: string;
  readonly state: 'prepared' | 'active' | 'old';
  /** Standard base64 of the DER certificate. */
  readonly certificate: string;
  readonly sequence: number;
}
