export { type HttpChallengeEvidenceOptions, httpChallengeEvidence } from './evidence.ts';
export { HttpChallengeAttestor, type HttpChallengeOptions } from './http-challenge-attestor.ts';
