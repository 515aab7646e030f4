export { x509popEvidence } from './evidence.ts';
export { X509popAttestor, type X509popOptions } from './x509pop-attestor.ts';
