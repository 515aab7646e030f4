import { Fault } from '#kernel';
import { bindService, type PeerCredentials, type ServiceBinding } from '#rpc';
import type { BundleResource, Handlers } from '#wire';
import { SpiffeWorkloadAPIDefinition, type X509BundlesResponse, type X509SVIDResponse } from '#wire/gen/workloadapi';
import type { AgentNode, Entitlement } from '../node.ts';
import { changes } from './changes.ts';
import { assertSecurityHeader } from './security-header.ts';

const RETRY_MILLIS = 1000;

/** The SPIFFE Workload API: X.509 profile. The JWT and WIT profiles are not offered yet. */
export function workloadApi(node: AgentNode): ServiceBinding<PeerCredentials> {
  const { clock } = node.options;
  const handlers: Handlers<typeof SpiffeWorkloadAPIDefinition, PeerCredentials> = {
    fetchX509SVID: async function* (_request, context) {
      let due: number | undefined;
      let last = '';
      for await (const _ of changes(node, clock, () => due, context.signal)) {
        const { response, renewAt } = await x509SvidResponse(await node.entitled(context.caller), clock.now());
        due = renewAt;
        const fingerprint = JSON.stringify([
          response.svids.map(({ x509Svid, hint }) => [Buffer.from(x509Svid).toString('base64'), hint]),
          bundleText(response),
        ]);
        if (fingerprint !== last) yield response;
        last = fingerprint;
      }
    },
    fetchX509Bundles: async function* (_request, context) {
      let last = '';
      for await (const _ of changes(node, clock, () => undefined, context.signal)) {
        const response = x509BundlesResponse(await node.entitled(context.caller));
        const fingerprint = JSON.stringify(
          Object.entries(response.bundles).map(([id, der]) => [id, Buffer.from(der).toString('base64')]),
        );
        if (fingerprint !== last) yield response;
        last = fingerprint;
      }
    },
    fetchJWTSVID: unimplemented,
    fetchJWTBundles: unimplementedStream,
    validateJWTSVID: unimplemented,
    fetchWITSVID: unimplementedStream,
    fetchWITBundles: unimplementedStream,
  };
  return bindService(SpiffeWorkloadAPIDefinition, handlers, assertSecurityHeader);
}

/** Workload API §5.2.1: the whole state. One identity that cannot be issued does not hold back the others. */
async function x509SvidResponse(
  entitled: readonly Entitlement[],
  now: number,
): Promise<{ response: X509SVIDResponse; renewAt: number }> {
  const results = await Promise.allSettled(
    entitled.map(async ({ membership, entry }) => ({ membership, entry, ...(await membership.svid(entry)) })),
  );
  const issued = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (issued.length === 0)
    throw failed?.reason ?? new Fault('IDENTITY_UNAVAILABLE', 'no identity can be issued at the moment');
  const hints = new Set<string>();
  const svids = issued.map(({ membership, entry, svid }) => ({
    spiffeId: `${svid.id}`,
    x509Svid: Buffer.concat(svid.chain),
    x509SvidKey: svid.privateKey.export({ type: 'pkcs8', format: 'der' }),
    bundle: derOf(membership.bundle(membership.name)),
    hint: uniqueHint(entry.hint ?? '', hints),
  }));
  const retryAt = failed === undefined ? [] : [now + RETRY_MILLIS];
  return {
    response: { svids, crl: [], federatedBundles: federatedBundles(entitled) },
    renewAt: Math.min(...issued.map(({ renewAt }) => renewAt), ...retryAt),
  };
}

/** §5.2.1: a hint stands once in a response; a second bearer comes without one rather than not at all. */
function uniqueHint(hint: string, taken: Set<string>): string {
  if (taken.has(hint)) return '';
  taken.add(hint);
  return hint;
}

function x509BundlesResponse(entitled: readonly Entitlement[]): X509BundlesResponse {
  const own = entitled.map(
    ({ membership }) => [`spiffe://${membership.name}`, derOf(membership.bundle(membership.name))] as const,
  );
  return { crl: [], bundles: { ...federatedBundles(entitled), ...Object.fromEntries(own) } };
}

/** Bundles of the trust domains that the caller's entries federate with, as far as they are known. */
function federatedBundles(entitled: readonly Entitlement[]): Record<string, Buffer> {
  const bundles: Record<string, Buffer> = {};
  for (const { membership, entry } of entitled) {
    for (const name of entry.federatesWith ?? []) {
      const bundle = membership.bundle(name);
      if (bundle !== undefined) bundles[`spiffe://${name}`] = derOf(bundle);
    }
  }
  return bundles;
}

function derOf(bundle: BundleResource | undefined): Buffer {
  return Buffer.concat((bundle?.x509Authorities ?? []).map((text) => Buffer.from(text, 'base64')));
}

function bundleText(response: X509SVIDResponse): readonly string[] {
  const own = response.svids.map(({ bundle }) => Buffer.from(bundle).toString('base64'));
  return [
    ...own,
    ...Object.entries(response.federatedBundles).map(([id, der]) => `${id} ${Buffer.from(der).toString('base64')}`),
  ];
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
