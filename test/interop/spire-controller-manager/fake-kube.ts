// As much of a kube-apiserver as controllers need: discovery, list, watch with bookmarks, status, on loopback without TLS.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string } & Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

interface Kind {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const SPIRE = 'spire.spiffe.io/v1alpha1';
const KINDS: readonly Kind[] = [
  { group: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false },
  { group: 'v1', resource: 'nodes', kind: 'Node', namespaced: false },
  { group: 'v1', resource: 'pods', kind: 'Pod', namespaced: true },
  { group: 'v1', resource: 'endpoints', kind: 'Endpoints', namespaced: true },
  { group: SPIRE, resource: 'clusterspiffeids', kind: 'ClusterSPIFFEID', namespaced: false },
  { group: SPIRE, resource: 'clusterstaticentries', kind: 'ClusterStaticEntry', namespaced: false },
  { group: SPIRE, resource: 'clusterfederatedtrustdomains', kind: 'ClusterFederatedTrustDomain', namespaced: false },
];

type Watcher = (type: string, object: KubeObject) => void;

export class FakeKube {
  readonly #objects = new Map<string, KubeObject>();
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #version = 1;

  static async start(): Promise<FakeKube> {
    const kube = new FakeKube();
    await new Promise<void>((resolve) => kube.#server.listen(0, '127.0.0.1', resolve));
    return kube;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Creates or replaces, as `kubectl apply` does. */
  apply(object: KubeObject): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    const born = { uid: key, creationTimestamp: '2026-01-01T00:00:00Z', generation: 1 };
    this.#version += 1;
    const metadata = { ...born, ...before?.metadata, ...object.metadata, resourceVersion: `${this.#version}` };
    const next = { ...object, status: object.status ?? before?.status ?? {}, metadata };
    this.#objects.set(key, next);
    this.#tell(object.kind, before === undefined ? 'ADDED' : 'MODIFIED', next);
  }

  delete(kind: string, name: string): void {
    const found = this.#of(kind).find(({ metadata }) => metadata.name === name);
    if (found === undefined) return;
    this.#objects.delete(keyOf(found));
    this.#version += 1;
    this.#tell(kind, 'DELETED', { ...found, metadata: { ...found.metadata, resourceVersion: `${this.#version}` } });
  }

  /** The object as it stands, with the status that a controller has written. */
  read(kind: string, name: string): KubeObject | undefined {
    return this.#of(kind).find(({ metadata }) => metadata.name === name);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #of(kind: string): readonly KubeObject[] {
    return [...this.#objects.values()].filter((object) => object.kind === kind);
  }

  #tell(kind: string, type: string, object: KubeObject): void {
    for (const watcher of this.#watchers.get(kind) ?? []) watcher(type, object);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    const path = pathname.replace(/^\/(api\/v1|apis\/spire\.spiffe\.io\/v1alpha1)/, (_, group) =>
      group === 'api/v1' ? 'v1' : SPIRE,
    );
    const kind = KINDS.find(
      ({ group, resource }) => path === `${group}/${resource}` || path.startsWith(`${group}/${resource}/`),
    );
    const found = kind === undefined ? discovery(pathname) : undefined;
    if (kind === undefined) return send(response, found ?? NOT_FOUND, found === undefined ? 404 : 200);
    if (request.method === 'PUT') return this.#writeStatus(request, response);
    if (searchParams.get('watch') !== null) return this.#watch(kind, searchParams, response);
    const list = {
      kind: `${kind.kind}List`,
      apiVersion: kind.group,
      metadata: { resourceVersion: `${this.#version}` },
    };
    send(response, { ...list, items: this.#of(kind.kind) });
  }

  #watch({ kind, group }: Kind, options: URLSearchParams, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    const write: Watcher = (type, object) => response.write(`${JSON.stringify({ type, object })}\n`);
    if (options.get('sendInitialEvents') === 'true') {
      for (const object of this.#of(kind)) write('ADDED', object);
      const annotations = { 'k8s.io/initial-events-end': 'true' };
      const metadata = { name: '', resourceVersion: `${this.#version}`, annotations };
      write('BOOKMARK', { kind, apiVersion: group, metadata });
    }
    response.flushHeaders();
    const watchers = this.#watchers.get(kind) ?? new Set();
    this.#watchers.set(kind, watchers.add(write));
    response.once('close', () => watchers.delete(write));
  }

  async #writeStatus(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { kind, metadata, status }: KubeObject = JSON.parse(Buffer.concat(chunks).toString());
    const found = this.read(kind, metadata.name);
    if (found === undefined) return send(response, NOT_FOUND, 404);
    this.apply({ ...found, status });
    send(response, this.read(kind, metadata.name));
  }
}

function keyOf({ kind, metadata: { namespace = '', name } }: KubeObject): string {
  return `${kind}/${namespace}/${name}`;
}

const NOT_FOUND = { kind: 'Status', status: 'Failure', reason: 'NotFound', code: 404 };

function discovery(path: string): object | undefined {
  const version = { groupVersion: SPIRE, version: 'v1alpha1' };
  const group = { name: 'spire.spiffe.io', versions: [version], preferredVersion: version };
  const answers: Readonly<Record<string, object>> = {
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [group] },
    '/api/v1': resourcesOf('v1'),
    [`/apis/${SPIRE}`]: resourcesOf(SPIRE),
  };
  return answers[path];
}

function resourcesOf(groupVersion: string): object {
  const resources = KINDS.filter(({ group }) => group === groupVersion).map(({ resource, kind, namespaced }) => ({
    ...{ name: resource, singularName: kind.toLowerCase(), namespaced, kind },
    verbs: ['get', 'list', 'watch', 'update', 'patch'],
  }));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

function send(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
