import type { Script } from '../both.ts';
import { bad } from './mint.ts';

const json = ['-output', 'json'];
const wit = ['wit', 'mint'];
const minted = ['-spiffeID', 'spiffe://bank-a/minted'];

/** WIT-SVIDs, which the stock server serves only when it is told to. */
export const witCommands: Script = {
  server: 'experimental { feature_flags = ["wit-svid"] }',
  steps: [
    { run: wit },
    { run: [...wit, ...minted] },
    { run: [...wit, ...minted, ...json] },
    { run: [...wit, ...minted, '-ttl', '60s', '-keyType', 'rsa-2048', '-signingAlgorithm', 'RS256'] },
    { run: [...wit, ...minted, '-keyType', 'ec-p384', '-signingAlgorithm', 'ES384'] },
    { run: [...wit, ...minted, '-keyType', 'ec-p384', '-signingAlgorithm', 'ES256'] },
    { run: [...wit, ...minted, '-keyType', 'rsa-2048', '-signingAlgorithm', 'ES256'] },
    { run: [...wit, ...minted, '-keyType', 'other'] },
    { run: [...wit, ...minted, '-signingAlgorithm', 'HS256'] },
    { run: [...wit, ...minted, '-write', '{files}'] },
    ...bad.map((id) => ({ run: [...wit, '-spiffeID', id] })),
    { run: ['bundle', 'show', '-format', 'spiffe'] },
    { run: ['bundle', 'show', ...json] },
  ],
};
