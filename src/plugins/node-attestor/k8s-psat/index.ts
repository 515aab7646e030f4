export { k8sPsatEvidence } from './evidence.ts';
export { type Cluster, K8sPsatAttestor } from './k8s-psat-attestor.ts';
export { KubernetesApi, type KubernetesApiOptions } from './kubernetes-api.ts';
export { type OidcKeysOptions, oidcReview } from './oidc-review.ts';
export type { ReviewedPod, ReviewToken } from './reviewed-pod.ts';
