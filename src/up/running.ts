import type { Lifecycle } from '#kernel';
import type { CheckContext } from './check-context.ts';
import type { AdminClient } from './control.ts';
import type { Database } from './database.ts';
import type { Plan } from './plan.ts';
import { runProbe } from './probe.ts';
import type { Workshop } from './processes.ts';
import { readSecret } from './secrets.ts';

export interface RunningUp {
  readonly plan: Plan;
  readonly runDirectory: string;
  readonly edge: CheckContext['edge'] | undefined;
  readonly users: readonly { readonly name: string; readonly password: string; readonly try: string }[];
  readonly admin: AdminClient;
  /** What a check module is given; undefined for an environment without an edge. */
  readonly checkContext: CheckContext | undefined;
  close(): Promise<void>;
}

/** What the caller of `startUp` gets, made from the parts that run. */
export function running(
  shop: Workshop,
  admin: AdminClient,
  database: Database | undefined,
  lifecycle: Lifecycle,
): RunningUp {
  const { plan, wiring, run } = shop;
  const edge = edgeOf(shop);
  const users = plan.spec.users.map((user) => ({
    name: user.name,
    password: readSecret(wiring.secretFile(user.password)).reveal(),
    try: user.try ?? '',
  }));
  const checkContext: CheckContext | undefined = edge && {
    edge,
    users,
    services: servicesOf(shop),
    agentSocket: wiring.agentSocket,
    postgres: database?.direct,
    admin: {
      why: async (id) => (await admin.why(id)).receipts,
      receipts: (filter) => admin.receipts(filter),
    },
    runAs: (probe) => runProbe(shop, probe),
  };
  return { plan, runDirectory: run.path, edge, users, admin, checkContext, close: () => lifecycle.close() };
}

function edgeOf({ plan, wiring }: Workshop): CheckContext['edge'] | undefined {
  const host = plan.spec.edge?.hosts[0];
  if (host === undefined) return undefined;
  const { http: port, https: httpsPort } = wiring.edge;
  return { http: `http://${host}:${port}`, https: `https://${host}:${httpsPort}`, port, httpsPort };
}

function servicesOf({ plan, wiring }: Workshop): CheckContext['services'] {
  const services = plan.documents.flatMap(({ document }) => {
    if (document.kind !== 'Service') return [];
    const name = `${document.metadata.namespace}/${document.metadata.name}`;
    const [endpoint] = document.spec.endpoints;
    if (endpoint === undefined) return [];
    const port = endpoint.port === 'auto' ? (wiring.findListen(name) ?? 0) : endpoint.port;
    return [[name, { host: endpoint.host, port, spiffeId: document.spec.spiffeId }] as const];
  });
  return Object.fromEntries(services);
}
