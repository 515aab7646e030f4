import type { ReasonCodeName } from '#chain';

/** What the policy answers. Always with a code; with the rule that decided, where one did. */
export interface Decision {
  readonly effect: 'allow' | 'deny';
  readonly code: ReasonCodeName;
  /** `namespace/policy#rule`. */
  readonly rule?: string;
  /** Rules that match but decide nothing: of AUDIT policies, and of those that Istio's dry-run annotation marks. */
  readonly audited?: readonly string[];
}

/** One request, as the enforcement point verified it. Absent facts are undefined, never empty text. */
export interface ReachRequest {
  /** The workload that is reached. */
  readonly workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> };
  /** SPIFFE ID of the peer, from its verified certificate. */
  readonly principal?: string;
  /** `<iss>/<sub>` parts of the verified user token. */
  readonly requestPrincipal?: { readonly iss: string; readonly sub: string };
  /** The verified claims of the user token. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Address that the connection comes from. */
  readonly sourceIp?: string;
  readonly method: string;
  /** Canonical path without query. */
  readonly path: string;
  readonly host?: string;
  readonly port?: number;
  /** Lower-case names; duplicates joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
}
