import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Child, ChildOptions } from './child.ts';
import type { SupervisorClient } from './control.ts';
import type { UpEnvironment } from './environment.ts';
import type { Plan, ProcessSpec } from './plan.ts';
import { readyLine, readyPort } from './ready.ts';
import type { RunDirectory } from './run-directory.ts';
import { Supervised } from './supervised.ts';
import { runnableModule, type Wiring } from './wiring.ts';

/** What every process of an environment is made with. */
export interface Workshop {
  readonly plan: Plan;
  readonly run: RunDirectory;
  readonly wiring: Wiring;
  readonly root: string;
  /** The stripped copy that processes run from. */
  readonly copy: string;
  readonly environment: UpEnvironment;
  readonly say: (line: string) => void;
  /** Registers a session leader as a service with the agent, before it runs. */
  readonly register: (child: Child, service: string) => Promise<void>;
}

/** A process of Hauberk itself: `src/<room>/main.ts --config <file>`, ready by its one line. */
export function hauberkProcess(
  shop: Workshop,
  room: 'server' | 'agent' | 'edge' | 'gate',
  parts: {
    readonly config: () => Promise<object> | object;
    readonly service?: string;
    readonly afterReady?: (restarted: boolean) => Promise<void>;
  },
): Supervised {
  const configFile = shop.run.at('config', `${room}.json`);
  const logFile = shop.run.at('log', `${room}.log`);
  const { service, afterReady } = parts;
  return new Supervised({
    name: room,
    say: shop.say,
    prepare: async () => {
      writeFileSync(configFile, JSON.stringify(await parts.config(), undefined, 2), { mode: 0o600 });
      const main = join(shop.copy, 'src', room, 'main.js');
      return { ...base(shop, room, [process.execPath, main, '--config', configFile]), logFile, stdout: 'capture' };
    },
    ...(service === undefined ? {} : { beforeGo: (child: Child) => shop.register(child, service) }),
    ready: async (child) => void (await readyLine(child, room, logFile)),
    ...(afterReady === undefined ? {} : { afterReady }),
  });
}

/** A process of the environment: a module of its own, ready when its port accepts. */
export function moduleProcess(shop: Workshop, spec: ProcessSpec): Supervised {
  const logFile = shop.run.at('log', `${spec.name}.log`);
  const { service } = spec;
  const http = shop.wiring.findHttp(spec.name);
  const listen = service === undefined ? undefined : shop.wiring.findListen(service);
  return new Supervised({
    name: spec.name,
    say: shop.say,
    prepare: () => ({ ...moduleOptions(shop, spec.name, spec.module, service), logFile, env: moduleEnv(shop, spec) }),
    ...(service === undefined ? {} : { beforeGo: (child: Child) => shop.register(child, service) }),
    ready: async (child) => {
      for (const port of [http, listen]) if (port !== undefined) await readyPort(child, spec.name, port, logFile);
    },
  });
}

export function moduleOptions(shop: Workshop, name: string, module: string, service: string | undefined): ChildOptions {
  const main = runnableModule(shop.plan, shop.root, shop.copy, module);
  const options = base(shop, name, [process.execPath, main]);
  return { ...options, env: { ...options.env, ...identityEnv(shop, service) } };
}

function base(shop: Workshop, name: string, command: readonly string[]): ChildOptions {
  return { name, command, cwd: shop.plan.directory, env: { ...shop.environment.inherited, NODE_ENV: 'production' } };
}

function identityEnv(shop: Workshop, service: string | undefined): Record<string, string> {
  return {
    HAUBERK_SOCKET: shop.wiring.agentSocket,
    SPIFFE_ENDPOINT_SOCKET: `unix://${shop.wiring.agentSocket}`,
    ...(service === undefined ? {} : { HAUBERK_SERVICE: service }),
  };
}

function moduleEnv(shop: Workshop, spec: ProcessSpec): Record<string, string> {
  const { wiring, plan } = shop;
  const listen = spec.service === undefined ? undefined : wiring.findListen(spec.service);
  const http = wiring.findHttp(spec.name);
  const origins = plan.spec.edge?.hosts.flatMap((host) => [
    `http://${host}:${wiring.edge.http}`,
    `https://${host}:${wiring.edge.https}`,
  ]);
  return {
    ...shop.environment.inherited,
    NODE_ENV: 'production',
    ...identityEnv(shop, spec.service),
    ...(listen === undefined ? {} : { HAUBERK_LISTEN: `127.0.0.1:${listen}` }),
    ...(http === undefined ? {} : { PORT: String(http), HOST: spec.host ?? 'localhost' }),
    ...(origins === undefined ? {} : { HAUBERK_EDGE_ORIGINS: origins.join(',') }),
    ...Object.fromEntries(Object.entries(spec.secrets).map(([name, secret]) => [name, wiring.secretFile(secret)])),
  };
}

/** Remembers which session leaders are which service, so that an agent that was started again learns it anew. */
export class Registrations {
  readonly #leaders = new Map<number, string>();
  readonly #supervisor: () => SupervisorClient;

  constructor(supervisor: () => SupervisorClient) {
    this.#supervisor = supervisor;
  }

  async register(child: Child, service: string): Promise<void> {
    await this.#supervisor().register(child.pid, service);
    this.#leaders.set(child.pid, service);
    void child.exited.then(() => this.#leaders.delete(child.pid));
  }

  /** A leader that ended meanwhile is passed over; one that lives and is refused makes this fail. */
  async again(): Promise<void> {
    for (const [pid, service] of [...this.#leaders]) {
      try {
        await this.#supervisor().register(pid, service);
      } catch (error) {
        if (this.#leaders.has(pid)) throw error;
      }
    }
  }
}
