import type { KeyType } from './key-type.ts';

/**
 * Port: where an authority's private keys live. They are named and never exported through this port.
 * Implementations pass `keyManagerContract`.
 */
export interface KeyManager {
  /** Whether keys sign by this process's own arithmetic. What another machine hands back is its word, and each signature of it is verified. */
  readonly signsHere: boolean;
  /** Makes a new key under a name that is not in use yet and returns its public key (SubjectPublicKeyInfo, DER). */
  generate(name: string, type: KeyType, signal?: AbortSignal): Promise<Buffer>;
  /** Public key of a name, or undefined. */
  find(name: string, signal?: AbortSignal): Promise<Buffer | undefined>;
  /**
   * EC keys: ECDSA with SHA-256 for P-256 and SHA-384 for P-384, DER encoding of r and s. RSA keys: PKCS#1 v1.5 with SHA-256.
   * Keys of this process sign in its thread pool, many at once. Throws `NOT_FOUND` for an unknown name.
   */
  sign(name: string, data: Uint8Array, signal?: AbortSignal): Buffer | Promise<Buffer>;
  /** Forgets a key; unknown names are fine. */
  delete(name: string, signal?: AbortSignal): Promise<void>;
}
