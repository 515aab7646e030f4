export { type Cluster, K8sPsatAttestor, k8sPsatPayload } from './k8s-psat-attestor.ts';
export { KubernetesApi, type KubernetesApiOptions } from './kubernetes-api.ts';
export { type OidcKeysOptions, oidcReview } from './oidc-review.ts';
export type { ReviewedPod, ReviewToken } from './reviewed-pod.ts';
