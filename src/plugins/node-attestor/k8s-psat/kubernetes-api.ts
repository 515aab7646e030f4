import { request } from 'node:https';
import { refused } from '#attestation';
import { Fault, isJsonObject, type JsonObject, type JsonValue, LIMITS, readJson } from '#kernel';
import type { ReviewedPod } from './reviewed-pod.ts';

export interface KubernetesApiOptions {
  /** Of the API server, `https://…`. */
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  /** Bearer token of the server's own service account; read again at each call, for it is rotated. */
  readonly token: () => string;
  readonly audiences: readonly string[];
}

const ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Reviews tokens by the cluster's own API server (TokenReview), and looks up the pod and its node. */
export class KubernetesApi {
  readonly #options: KubernetesApiOptions;

  constructor(options: KubernetesApiOptions) {
    this.#options = options;
  }

  /** A `ReviewToken`. Throws `ATTESTATION_FAILED`, and `UPSTREAM_UNAVAILABLE` when the API server gives no answer. */
  async review(token: string, signal: AbortSignal): Promise<ReviewedPod> {
    const { namespace, serviceAccount, podName, podUid } = await this.#reviewToken(token, signal);
    const pod = await this.#get(`/api/v1/namespaces/${segment(namespace)}/pods/${segment(podName)}`, signal);
    // A pod of the same name may have taken its place.
    if (objectOf(pod.metadata).uid !== podUid) throw refused('the pod of its token is gone');
    const nodeName = textOf(objectOf(pod.spec).nodeName);
    const node = objectOf((await this.#get(`/api/v1/nodes/${segment(nodeName)}`, signal)).metadata);
    const address = isJsonObject(pod.status) ? pod.status.hostIP : undefined;
    return {
      namespace,
      serviceAccount,
      podName,
      podUid,
      nodeName,
      nodeUid: textOf(node.uid),
      ...(typeof address === 'string' ? { nodeAddress: address } : {}),
      podLabels: labelsOf(objectOf(pod.metadata)),
      nodeLabels: labelsOf(node),
    };
  }

  async #reviewToken(token: string, signal: AbortSignal) {
    const { audiences } = this.#options;
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } };
    const answer = await this.#call(
      'POST',
      '/apis/authentication.k8s.io/v1/tokenreviews',
      signal,
      JSON.stringify(body),
    );
    const status = objectOf(answer.status);
    if (status.authenticated !== true) throw refused('its token is not authenticated according to the API server');
    // Without this an API server that knows no audiences would have answered for any.
    const named = Array.isArray(status.audiences) ? status.audiences : [];
    if (!named.some((one) => typeof one === 'string' && audiences.includes(one)))
      throw refused('its token is not meant for this server');
    const user = objectOf(status.user);
    const [, namespace, serviceAccount] = ACCOUNT.exec(textOf(user.username)) ?? [];
    if (namespace === undefined || serviceAccount === undefined) throw refused('its token is of no service account');
    const extra = objectOf(user.extra);
    return {
      namespace,
      serviceAccount,
      podName: onlyText(extra['authentication.kubernetes.io/pod-name']),
      podUid: onlyText(extra['authentication.kubernetes.io/pod-uid']),
    };
  }

  #get(path: string, signal: AbortSignal): Promise<JsonObject> {
    return this.#call('GET', path, signal);
  }

  #call(method: string, path: string, signal: AbortSignal, body?: string): Promise<JsonObject> {
    const { url, ca, token } = this.#options;
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void =>
        reject(new Fault('UPSTREAM_UNAVAILABLE', 'the API server of the cluster does not answer', { cause }));
      const headers = {
        authorization: `Bearer ${token()}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      };
      const call = request(new URL(path, url), { method, ca, headers, signal, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > LIMITS.documentBytes.value)
            response.destroy(new Fault('LIMIT_EXCEEDED', 'the answer is too large'));
          else chunks.push(chunk);
        });
        response.once('error', fail);
        response.once('end', () => {
          try {
            const ok = response.statusCode === 200 || response.statusCode === 201;
            if (!ok) throw refused('the API server does not know the pod of its token, or refuses to tell');
            resolve(objectOf(readJson(Buffer.concat(chunks))));
          } catch (error) {
            reject(error);
          }
        });
      });
      call.once('error', fail);
      call.end(body);
    });
  }
}

/** Names of Kubernetes hold no slash; what does would ask for something else. */
function segment(name: string): string {
  if (!/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name))
    throw refused('a name of its token is no name of Kubernetes');
  return name;
}

function labelsOf({ labels }: JsonObject): Readonly<Record<string, string>> {
  if (!isJsonObject(labels)) return {};
  return Object.fromEntries(
    Object.entries(labels).filter((one): one is [string, string] => typeof one[1] === 'string'),
  );
}

function objectOf(value: JsonValue | undefined): JsonObject {
  if (!isJsonObject(value)) throw refused('the API server answers in an unexpected form');
  return value;
}

function textOf(value: JsonValue | undefined): string {
  if (typeof value !== 'string' || value === '') throw refused('its token is not bound to a pod');
  return value;
}

function onlyText(value: JsonValue | undefined): string {
  if (!Array.isArray(value) || value.length !== 1) throw refused('its token is not bound to a pod');
  return textOf(value[0]);
}
