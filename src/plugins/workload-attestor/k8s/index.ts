export { K8sAttestor, type K8sAttestorOptions } from './k8s-attestor.ts';
