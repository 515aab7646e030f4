import { type KeyObject } from 'node:crypto';
/** A certificate to be made, sound unless said otherwise: for tests that need certificates which no authority of ours would issue. */
export interface Forgery {
  readonly subject?: string;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ca?: boolean;
  readonly pathLen?: number;
  readonly keyUsage?: readonly ('digitalSignature' | 'keyCertSign' | 'cRLSign')[] | 'absent';
  readonly keyUsageCritical?: boolean;
  readonly extKeyUsage?: readonly string[];
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** Extra extensions, encoded. */
  readonly extra?: readonly Buffer[];
  readonly key?: KeyObject;
  readonly signWith?: KeyObject;
}
export interface Forged {
  readonly der: Buffer;
  readonly key: KeyObject;
  readonly name: Buffer;
}
export declare const NOW: number;
export declare const extension: (id: string, critical: boolean, value: Buffer) => Buffer;
export declare function newKey(): KeyObject;
/** Makes a certificate signed by `issuer`, or by itself. */
export declare function forge(what: Forgery, issuer?: Forged): Forged;
