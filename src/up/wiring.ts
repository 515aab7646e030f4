import { join } from 'node:path';
import type { Random } from '#kernel';
import { fillPlaceholders } from './fill.ts';
import type { Plan } from './plan.ts';
import { allocatePorts, type WantedPort } from './ports.ts';
import type { RunDirectory } from './run-directory.ts';
import { makeSecret } from './secrets.ts';

/** Everything that is decided before the first process starts: ports, sockets, secrets' files. */
export interface Wiring {
  readonly serverPort: number;
  readonly edge: { readonly http: number; readonly https: number };
  readonly adminSocket: string;
  readonly agentSocket: string;
  readonly agentAdminSocket: string;
  /** Where a service listens; undefined for one that is elsewhere. */
  findListen(service: string): number | undefined;
  findHttp(process: string): number | undefined;
  secretFile(name: string): string;
  /** `services.yaml` with `auto` ports filled in: what the registry is given. */
  readonly documents: readonly unknown[];
  fill(value: unknown): unknown;
}

export async function wire(plan: Plan, run: RunDirectory, random: Random): Promise<Wiring> {
  const ports = await allocatePorts(wantedPorts(plan), run.at('ports.json'));
  const secretFile = (name: string): string => run.at('secrets', name);
  for (const name of Object.keys(plan.spec.secrets)) makeSecret(secretFile(name), random);
  const known = placeholders(plan, ports, secretFile);
  const portOf = (name: string): number => ports.get(name) ?? 0;
  return {
    serverPort: portOf('server'),
    edge: { http: portOf('edge.http'), https: portOf('edge.https') },
    adminSocket: run.at('server', 'admin.sock'),
    agentSocket: run.at('agent', 'workload.sock'),
    agentAdminSocket: run.at('agent', 'admin', 'admin.sock'),
    findListen: (service) => ports.get(service === plan.spec.edge?.service ? 'edge.https' : `service.${service}`),
    findHttp: (process) => ports.get(`http.${process}`),
    secretFile,
    documents: plan.documents.map(({ json, document }) => {
      if (document.kind !== 'Service') return json;
      const service = `${document.metadata.namespace}/${document.metadata.name}`;
      return withPorts(json, ports.get(service === plan.spec.edge?.service ? 'edge.https' : `service.${service}`));
    }),
    fill: (value) => fillPlaceholders(value, known),
  };
}

function wantedPorts(plan: Plan): ReadonlyMap<string, WantedPort> {
  const wanted = new Map<string, WantedPort>([['server', 'auto']]);
  const { edge } = plan.spec;
  if (edge !== undefined) wanted.set('edge.http', edge.http).set('edge.https', edge.https);
  for (const { name, http } of plan.processes) if (http !== undefined) wanted.set(`http.${name}`, http);
  for (const { document } of plan.documents) {
    if (document.kind !== 'Service') continue;
    const service = `${document.metadata.namespace}/${document.metadata.name}`;
    const auto = document.spec.endpoints.some(({ port }) => port === 'auto');
    if (auto && service !== edge?.service) wanted.set(`service.${service}`, 'auto');
  }
  return wanted;
}

function placeholders(
  plan: Plan,
  ports: ReadonlyMap<string, number>,
  secretFile: (name: string) => string,
): ReadonlyMap<string, string> {
  const known = new Map<string, string>([['directory', plan.directory]]);
  for (const [name, port] of ports) known.set(`port.${name.replace(/^(http|service)\./, '')}`, String(port));
  for (const name of Object.keys(plan.spec.secrets)) known.set(`secret.${name}`, secretFile(name));
  return known;
}

/** A copy of a Service document whose `auto` endpoints have `port`. */
function withPorts(json: unknown, port: number | undefined): unknown {
  if (typeof json === 'string' || port === undefined) return json;
  return JSON.parse(JSON.stringify(json, (key, value: unknown) => (key === 'port' && value === 'auto' ? port : value)));
}

/** A module of the environment as the stripped copy has it, where it lies below the copied tree. */
export function runnableModule(plan: Plan, root: string, copy: string, module: string): string {
  const source = join(plan.directory, module);
  if (copy === root || !source.startsWith(join(root, 'examples', '/'))) return source;
  return join(copy, source.slice(root.length)).replace(/\.ts$/, '.js');
}
