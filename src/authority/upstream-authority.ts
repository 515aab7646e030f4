import type { AppendedAuthority } from './appended.ts';

/**
 * Port: an authority above this one, which signs its CAs. The bundle then holds the upstream's roots, and every X509-SVID comes with the chain up
 * to, and without, the root.
 */
export interface UpstreamAuthority {
  /** A CA certificate for the key of a request (PKCS#10, DER). Throws `UPSTREAM_AUTHORITY_UNAVAILABLE` when there is none to be had. */
  sign(request: UpstreamRequest, signal?: AbortSignal): Promise<UpstreamAnswer>;
  /** What the upstream publishes now. Throws as `sign`. */
  bundle(signal?: AbortSignal): Promise<UpstreamBundle>;
  /** Has the upstream publish keys that sign tokens here, before they do. Absent where an upstream knows no such keys. Throws as `sign`. */
  publish?(keys: readonly AppendedAuthority[], signal?: AbortSignal): Promise<void>;
}

export interface UpstreamBundle {
  readonly roots: readonly UpstreamRoot[];
  /** Keys that sign tokens: of the upstream, and of everybody below it, this server too. */
  readonly keys: readonly AppendedAuthority[];
}

export interface UpstreamRequest {
  readonly csr: Buffer;
  readonly ttlSeconds: number;
}

export interface UpstreamRoot {
  /** DER. */
  readonly certificate: Buffer;
  /** The upstream has everything below this root replaced. */
  readonly tainted: boolean;
}

export interface UpstreamAnswer {
  /** DER: the CA's own certificate, then intermediates, without the root. */
  readonly chain: readonly Buffer[];
  readonly roots: readonly UpstreamRoot[];
}
