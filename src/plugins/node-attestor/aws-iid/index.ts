export { AwsIidAttestor, type AwsIidOptions } from './aws-iid-attestor.ts';
