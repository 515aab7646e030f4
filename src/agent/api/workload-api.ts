import { Fault } from '#kernel';
import { bindService, type PeerCredentials, type ServiceBinding } from '#rpc';
import type { Handlers } from '#wire';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';
import type { AgentNode } from '../node.ts';
import { assertSecurityHeader } from './security-header.ts';
import { x509Profile } from './x509-profile.ts';

type Methods = Handlers<typeof SpiffeWorkloadAPIDefinition, PeerCredentials>;

/** The SPIFFE Workload API. The JWT and WIT profiles are not offered yet. */
export function workloadApi(node: AgentNode): ServiceBinding<PeerCredentials> {
  const methods: Methods = {
    ...x509Profile(node),
    fetchJWTSVID: unimplemented,
    fetchJWTBundles: unimplementedStream,
    validateJWTSVID: unimplemented,
    fetchWITSVID: unimplementedStream,
    fetchWITBundles: unimplementedStream,
  };
  return bindService(SpiffeWorkloadAPIDefinition, methods, assertSecurityHeader);
}

async function unimplemented(): Promise<never> {
  throw notOffered();
}

// biome-ignore lint/correctness/useYield: a stream that refuses before its first message
async function* unimplementedStream(): AsyncGenerator<never> {
  throw notOffered();
}

function notOffered(): Fault {
  return new Fault('METHOD_UNIMPLEMENTED', 'this profile of the Workload API is not offered');
}
