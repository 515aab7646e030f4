export { HttpChallengeAttestor, type HttpChallengeOptions } from './http-challenge-attestor.ts';
