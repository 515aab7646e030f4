import type { Database } from './database.ts';
import { hauberkProcess, type Workshop } from './processes.ts';
import type { Supervised } from './supervised.ts';

/** Gate and edge, where the environment has them. */
export function frontProcesses(shop: Workshop, database: Database | undefined): readonly Supervised[] {
  const { plan, wiring, run } = shop;
  const processes: Supervised[] = [];
  if (plan.gate !== undefined && plan.spec.gate !== undefined && database !== undefined) {
    const { service } = plan.spec.gate;
    const config = {
      service,
      listen: { host: '127.0.0.1', port: wiring.findListen(service) },
      agentSocket: wiring.agentSocket,
      database: database.gate,
      document: wiring.fill(plan.gate.loaded.json),
      ...(database.serverLog === undefined ? {} : { serverLog: database.serverLog }),
    };
    processes.push(hauberkProcess(shop, 'gate', { config: () => config, service }));
  }
  if (plan.edge !== undefined && plan.spec.edge !== undefined) {
    const { service, hosts } = plan.spec.edge;
    const config = {
      service,
      http: { host: '127.0.0.1', port: wiring.edge.http },
      https: { host: '127.0.0.1', port: wiring.edge.https },
      hosts,
      agentSocket: wiring.agentSocket,
      dataDir: run.at('edge'),
      document: wiring.fill(plan.edge.loaded.json),
      routes: plan.routes.map(({ json }) => wiring.fill(json)),
    };
    processes.push(hauberkProcess(shop, 'edge', { config: () => config, service }));
  }
  return processes;
}
