import { isJsonObject, type JsonObject, type JsonValue } from '#kernel';

/** The pod with this uid that has this container, and the container's status; undefined when the kubelet does not know it (yet). */
export function findContainer(
  pods: readonly JsonObject[],
  podUid: string,
  containerId: string,
): { readonly pod: JsonObject; readonly container: JsonObject } | undefined {
  const pod = pods.find((one) => uidsOf(one).includes(podUid));
  if (pod === undefined) return undefined;
  const status = objectOf(pod, 'status');
  const statuses = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'].flatMap((name) =>
    objectsOf(status, name),
  );
  // `containerd://<id>`, `docker://<id>`, `cri-o://<id>`
  const container = statuses.find((one) => textOf(one, 'containerID')?.split('://')[1] === containerId);
  return container === undefined ? undefined : { pod, container };
}

/** Selectors of SPIRE's `k8s` attestor, without the type. */
export function podSelectors(pod: JsonObject, container: JsonObject): readonly string[] {
  const [metadata, spec, status] = [objectOf(pod, 'metadata'), objectOf(pod, 'spec'), objectOf(pod, 'status')];
  const containers = objectsOf(status, 'containerStatuses');
  const initContainers = objectsOf(status, 'initContainerStatuses');
  const owners = objectsOf(metadata, 'ownerReferences');
  return [
    ...named('sa', textOf(spec, 'serviceAccountName')),
    ...named('ns', textOf(metadata, 'namespace')),
    ...named('node-name', textOf(spec, 'nodeName')),
    ...named('pod-uid', textOf(metadata, 'uid')),
    ...named('pod-name', textOf(metadata, 'name')),
    `pod-image-count:${containers.length}`,
    `pod-init-image-count:${initContainers.length}`,
    ...imagesOf(containers).map((image) => `pod-image:${image}`),
    ...imagesOf(initContainers).map((image) => `pod-init-image:${image}`),
    ...Object.entries(objectOf(metadata, 'labels')).map(([key, value]) => `pod-label:${key}:${String(value)}`),
    ...owners.flatMap((owner) => [
      `pod-owner:${textOf(owner, 'kind')}:${textOf(owner, 'name')}`,
      `pod-owner-uid:${textOf(owner, 'kind')}:${textOf(owner, 'uid')}`,
    ]),
    ...named('container-name', textOf(container, 'name')),
    ...imagesOf([container]).map((image) => `container-image:${image}`),
  ];
}

/** A pod from a file on the node has in its cgroups the uid that its annotation says, not that of its mirror. */
function uidsOf(pod: JsonObject): readonly (string | undefined)[] {
  const metadata = objectOf(pod, 'metadata');
  const annotations = objectOf(metadata, 'annotations');
  const own = textOf(annotations, 'kubernetes.io/config.hash');
  return [textOf(metadata, 'uid'), own?.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'), own];
}

function imagesOf(statuses: readonly JsonObject[]): readonly string[] {
  const images = statuses.flatMap((status) => [textOf(status, 'imageID'), textOf(status, 'image')]);
  return [...new Set(images.flatMap((image) => (image === undefined || image === '' ? [] : [image])))];
}

function named(name: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [`${name}:${value}`];
}

function objectOf(value: JsonObject, name: string): JsonObject {
  const found = value[name];
  return isJsonObject(found) ? found : {};
}

function objectsOf(value: JsonObject, name: string): readonly JsonObject[] {
  const found = value[name];
  const list: readonly JsonValue[] = Array.isArray(found) ? found : [];
  return list.filter((one): one is JsonObject => isJsonObject(one));
}

function textOf(value: JsonObject, name: string): string | undefined {
  const found = value[name];
  return typeof found === 'string' ? found : undefined;
}
