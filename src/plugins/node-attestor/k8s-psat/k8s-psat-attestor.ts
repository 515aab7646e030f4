import {
  type AttestedNode,
  malformed,
  type NodeAttestor,
  type NodeEvidence,
  readEvidence,
  refused,
  textField,
} from '#attestation';
import { LIMITS } from '#kernel';
import type { ReviewedPod, ReviewToken } from './reviewed-pod.ts';

export interface Cluster {
  readonly name: string;
  readonly review: ReviewToken;
  /** `namespace:service account` of agents; nobody else may attest. */
  readonly serviceAccounts: readonly string[];
  /** Agents are named by node, one a node, or by their own pod. */
  readonly naming: 'node' | 'pod';
  /** Keys of labels that become selectors. */
  readonly nodeLabels: readonly string[];
  readonly podLabels: readonly string[];
}

const TIMEOUT_MILLIS = 10_000;
const UID = /^[A-Za-z0-9-]{1,64}$/;

/** A projected service account token of the agent's pod, as SPIRE's attestor of this name. */
export class K8sPsatAttestor implements NodeAttestor {
  readonly type = 'k8s_psat';
  readonly #clusters: ReadonlyMap<string, Cluster>;

  constructor(clusters: readonly Cluster[]) {
    this.#clusters = new Map(clusters.map((cluster) => [cluster.name, cluster]));
  }

  async attest({ payload }: NodeEvidence, signal: AbortSignal): Promise<AttestedNode> {
    const evidence = readEvidence(payload);
    const cluster = this.#clusters.get(textField(evidence, 'cluster'));
    const token = textField(evidence, 'token');
    if (cluster === undefined) throw malformed('this cluster is not known here');
    if (token.length > LIMITS.tokenBytes.value) throw malformed('its token is larger than the limit');
    const pod = await cluster.review(token, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MILLIS)]));
    if (!cluster.serviceAccounts.includes(`${pod.namespace}:${pod.serviceAccount}`))
      throw refused('its service account is not one of agents');
    return { path: pathOf(cluster, pod), selectors: selectorsOf(cluster, pod), canReattest: true };
  }
}

function pathOf({ name, naming }: Cluster, { podUid, nodeUid }: ReviewedPod): string {
  const uid = naming === 'pod' ? podUid : nodeUid;
  if (uid === undefined || !UID.test(uid)) throw refused('it does not say which node or pod it is of');
  return naming === 'pod' ? `/spire/agent/k8s_psat/${name}/pod/${uid}` : `/spire/agent/k8s_psat/${name}/${uid}`;
}

function selectorsOf({ name, nodeLabels, podLabels }: Cluster, pod: ReviewedPod): readonly string[] {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['cluster', name],
    ['agent_ns', pod.namespace],
    ['agent_sa', pod.serviceAccount],
    ['agent_pod_name', pod.podName],
    ['agent_pod_uid', pod.podUid],
    ['agent_node_ip', pod.nodeAddress],
    ['agent_node_name', pod.nodeName],
    ['agent_node_uid', pod.nodeUid],
    ...labels('agent_node_label', pod.nodeLabels, nodeLabels),
    ...labels('agent_pod_label', pod.podLabels, podLabels),
  ];
  return facts.flatMap(([key, value]) => (value === undefined ? [] : [`k8s_psat:${key}:${value}`]));
}

function labels(kind: string, present: ReviewedPod['podLabels'], allowed: readonly string[]) {
  return allowed.map(
    (key) =>
      [`${kind}:${key}`, present === undefined || !Object.hasOwn(present, key) ? undefined : present[key]] as const,
  );
}
