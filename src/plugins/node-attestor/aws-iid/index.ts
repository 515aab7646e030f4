export { AwsIidAttestor, type AwsIidOptions } from './aws-iid-attestor.ts';
export { type AwsIidEvidenceOptions, awsIidEvidence } from './evidence.ts';
