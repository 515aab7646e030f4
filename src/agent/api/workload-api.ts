import { bindService, type PeerCredentials, QUESTION, type ServiceBinding, type StatusMapping } from '#rpc';
import type { Handlers } from '#wire';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import type { AgentNode } from '../node.ts';
import { type JwtProfileOptions, jwtProfile } from './jwt-profile.ts';
import { assertSecurityHeader } from './security-header.ts';
import { witProfile } from './wit-profile.ts';
import { x509Profile } from './x509-profile.ts';

type Methods = Handlers<typeof SpiffeWorkloadAPIDefinition, PeerCredentials>;

/** §6.2.3: a token that is not valid is an invalid argument; nobody authenticates with it here. */
const mapping: StatusMapping = ({ code }) => (code.startsWith('TOKEN_') ? { code: 3 } : undefined);

/** The SPIFFE Workload API, whole: X.509, JWT and WIT profiles. */
export function workloadApi(node: AgentNode, options: JwtProfileOptions): ServiceBinding<PeerCredentials> {
  const methods: Methods = { ...x509Profile(node), ...jwtProfile(node, options), ...witProfile(node) };
  return bindService(SpiffeWorkloadAPIDefinition, methods, assertSecurityHeader, {
    mapping,
    limits: QUESTION,
  });
}
