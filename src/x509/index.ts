export { type Certificate, parseCertificate, splitCertificates } from './certificate.ts';
export { nameAttributes } from './name.ts';
export { nameText } from './name-text.ts';
export { OID } from './oids.ts';
export { mayHaveIssued, verifyPath } from './path.ts';
export { derCertificates, pemCertificates } from './pem.ts';
export {
  type CertificateProfile,
  encodeCertificate,
  encodeName,
  encodeSignedPart,
  keyId,
  type SignatureScheme,
} from './profile.ts';
export {
  type CertificateRequest,
  createCertificateRequest,
  encodeCertificateRequest,
  encodeRequestedPart,
  parseCertificateRequest,
  verifyCertificateRequest,
} from './request.ts';
export { checkSignature, isSignedBy } from './signature.ts';
