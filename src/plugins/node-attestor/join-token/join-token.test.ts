import { nodeAttestorContract } from '#attestation';
import { Fault } from '#kernel';
import { JoinTokenAttestor } from './index.ts';

nodeAttestorContract('join_token', () => ({
  attestor: new JoinTokenAttestor(async (trustDomain, token) => {
    if (token !== 'token-1') throw new Fault('AGENT_TOKEN_INVALID', 'unknown');
    return { trustDomain, token, expiresAt: 0 };
  }),
  payload: Buffer.from('token-1'),
}));
