import { LIMITS } from '#kernel';
import { bindService, type PeerCredentials, type ServiceBinding } from '#rpc';
import type { CallContext, Handlers } from '#wire';
import type { Node } from '#wire/gen/envoy/config/core/v3/base';
import { SecretDiscoveryServiceDefinition } from '#wire/gen/envoy/service/secret/v3/sds';
import type { AgentNode } from '../node.ts';
import { wantsSpiffeValidator } from '../sds/client-node.ts';
import { DeltaSession } from '../sds/delta-session.ts';
import { type SecretNames, Secrets } from '../sds/secrets.ts';
import { fetchSecrets, SotwSession } from '../sds/sotw-session.ts';
import { x509Identities } from '../x509-identities.ts';
import { changes, ofIdentities } from './changes.ts';
import { merged } from './merged.ts';

export interface SecretDiscoveryOptions extends SecretNames {
  /** False: plain pools of roots for every client. */
  readonly spiffeValidator: boolean;
}

type Context = CallContext<PeerCredentials>;

/** A subscription of either kind, between its client's requests and the state of the node. */
interface Session<Request, Response> {
  request(request: Request): boolean;
  answer(secrets: Secrets): Response | undefined;
}

/** Envoy's secret discovery service, v3, on the Workload API's socket. Envoy sends no security header. */
export function secretDiscovery(node: AgentNode, options: SecretDiscoveryOptions): ServiceBinding<PeerCredentials> {
  const { clock, random, log } = node.options;
  const names: SecretNames = options;

  const secretsFor = async (context: Context, client: Node | undefined) => {
    const entitled = await node.entitled(context.caller);
    const { identities, renewAt } = await x509Identities(entitled, clock.now());
    node.handouts.note(context.caller, 'secret:fetch', identities);
    const spiffeValidator = options.spiffeValidator && wantsSpiffeValidator(client);
    return { secrets: new Secrets({ names, identities, entitled, spiffeValidator }), renewAt };
  };

  async function* serve<Request extends { readonly node: Node | undefined }, Response>(
    session: Session<Request, Response>,
    requests: AsyncIterable<Request>,
    context: Context,
  ): AsyncGenerator<Response> {
    // A client names itself in its first request only.
    let client: Node | undefined;
    let due: number | undefined;
    const stirred = changes(node, clock, () => due, context.signal, ofIdentities(node, context.caller));
    for await (const event of merged<Request | undefined>(requests, stirred)) {
      client ??= event?.node;
      if (event !== undefined && !session.request(event)) continue;
      const { secrets, renewAt } = await secretsFor(context, client);
      due = renewAt;
      const answer = session.answer(secrets);
      if (answer !== undefined) yield answer;
    }
  }

  const methods: Handlers<typeof SecretDiscoveryServiceDefinition, PeerCredentials> = {
    streamSecrets: (requests, context) => serve(new SotwSession(random, log), requests, context),
    deltaSecrets: (requests, context) => serve(new DeltaSession(random, log), requests, context),
    fetchSecrets: async (request, context) => fetchSecrets(request, (await secretsFor(context, request.node)).secrets),
  };
  return bindService(SecretDiscoveryServiceDefinition, methods, undefined, {
    limits: { requestBytes: LIMITS.secretDiscoveryBytes.value },
  });
}
