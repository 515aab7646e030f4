/** What a projected service account token was found to be of. */
export interface ReviewedPod {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly podUid: string;
  readonly nodeName?: string;
  readonly nodeUid?: string;
  readonly nodeAddress?: string;
  readonly podLabels?: Readonly<Record<string, string>>;
  readonly nodeLabels?: Readonly<Record<string, string>>;
}

/** Port: says what pod a token is of, or throws `ATTESTATION_FAILED`. */
export type ReviewToken = (token: string, signal: AbortSignal) => Promise<ReviewedPod>;
