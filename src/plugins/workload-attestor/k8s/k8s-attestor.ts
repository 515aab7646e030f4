import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { type Process, parseCgroups, podOf, type WorkloadAttestor } from '#attestation';
import type { Selector } from '#spiffe';
import { Kubelet, type KubeletOptions } from './kubelet.ts';
import { findContainer, podSelectors } from './pod-selectors.ts';

export interface K8sAttestorOptions extends KubeletOptions {
  /** `/proc`, but for tests. */
  readonly procDirectory?: string;
  /** How long to wait for a container that runs already and is not in the kubelet's answer yet. */
  readonly retryMillis?: number;
}

const RETRY_MILLIS = 500;

/** Selectors of a pod and its container, as SPIRE's attestor of this name: cgroup → pod and container → the kubelet of this node. */
export class K8sAttestor implements WorkloadAttestor {
  readonly name = 'k8s';
  readonly #kubelet: Kubelet;
  readonly #proc: string;
  readonly #retryMillis: number;

  constructor({ procDirectory = '/proc', retryMillis = RETRY_MILLIS, ...kubelet }: K8sAttestorOptions) {
    this.#kubelet = new Kubelet(kubelet);
    this.#proc = procDirectory;
    this.#retryMillis = retryMillis;
  }

  async attest({ pid }: Process, signal: AbortSignal): Promise<readonly Selector[]> {
    const group = podOf(parseCgroups(readFileSync(`${this.#proc}/${pid}/cgroup`, 'utf8')));
    if (group === undefined) return [];
    for (;;) {
      const found = findContainer(await this.#kubelet.pods(), group.podUid, group.containerId);
      if (found !== undefined) return podSelectors(found.pod, found.container).map((value) => ({ type: 'k8s', value }));
      await setTimeout(this.#retryMillis, undefined, { signal });
    }
  }
}
