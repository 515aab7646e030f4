export { AwsKmsKeyManager, type AwsKmsOptions } from './aws-kms-key-manager.ts';
export { sharedCredentials } from './shared-credentials.ts';
export { type AwsCredentials, signRequest } from './signature-v4.ts';
