export { type MintRequest, mintToken } from './mint-token.ts';
export { type TokenQuestion, TYP, type VerifiedToken, verifyToken } from './verify-token.ts';
