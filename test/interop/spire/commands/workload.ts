import { differs, type Script } from '../both.ts';

const json = ['-output', 'json'];
const jwt = ['api', 'fetch', 'jwt'];
const validate = ['api', 'validate', 'jwt'];
const token = /\t(ey\S+)/;
const tampered = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzcGlmZmU6Ly9iYW5rLWEvc2VydmljZSJ9.AAAA';

/** Every `spire-agent` command that talks to an agent, from a process with two identities. */
export const workloadCommands: Script = {
  program: 'spire-agent',
  steps: [
    { run: ['healthcheck'] },
    { run: ['healthcheck', '-verbose'] },
    { run: ['healthcheck', '-shallow'] },
    { run: ['api', 'fetch'] },
    { run: ['api', 'fetch', 'x509'] },
    { run: ['api', 'fetch', 'x509', ...json] },
    { run: ['api', 'fetch', 'x509', '-silent'] },
    { run: ['api', 'fetch', 'x509', '-silent', '-write', '{files}'] },
    { run: ['api', 'fetch', 'x509', '-write', '{files}/missing'] },
    { run: ['api', 'fetch', 'x509', '-timeout', 'long'] },
    { run: jwt },
    { run: [...jwt, '-audience', 'db'] },
    { run: [...jwt, '-audience', 'db,api', ...json] },
    { run: [...jwt, '-audience', 'db', '-spiffeID', 'spiffe://bank-a/service'], keep: { token } },
    { run: [...jwt, '-audience', 'db', '-spiffeID', 'spiffe://bank-a/nobody'] },
    { run: [...jwt, '-audience', 'db', '-spiffeID', 'no id'] },
    { run: [...validate, '-audience', 'db', '-svid', '{token}'] },
    { run: [...validate, '-audience', 'db', '-svid', '{token}', ...json] },
    { run: [...validate, '-audience', 'other', '-svid', '{token}'] },
    { run: [...validate, '-audience', 'db', '-svid', tampered] },
    { run: [...validate, '-audience', 'db', '-svid', 'nothing'] },
    { run: [...validate, '-svid', '{token}'] },
    { run: [...validate, '-audience', 'db'] },
  ],
};

/** The same from a process that is nobody. */
export const nobodyCommands: Script = {
  program: 'spire-agent',
  steps: [{ run: ['api', 'fetch', 'x509'] }, { run: [...jwt, '-audience', 'db'] }],
};

/** On the agent's admin socket. */
export const agentOperatorCommands: Script = {
  program: 'spire-agent',
  steps: [
    { run: ['logger', 'get'] },
    { run: ['logger', 'set'] },
    { run: ['logger', 'set', '-level', 'debug', ...json] },
    { run: ['logger', 'set', '-level', 'loud'] },
    { run: ['logger', 'get', ...json] },
    { run: ['logger', 'reset'] },
    differs(
      ['debug', 'getinfo'],
      'SPIRE caches SVIDs before they are asked for, and tells the root above its own too',
      [0, /Subject: +O=SPIRE,C=US\n[\s\S]*\[1\]/],
      [0, /Last Sync Success: [\s\S]*\/spire\/agent\/join_token\/\S+\n +Subject: +O=SPIRE,C=US\n/],
    ),
  ],
};
