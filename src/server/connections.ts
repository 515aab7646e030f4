import type { TLSSocket } from 'node:tls';

/** Open TLS connections by the agent that was found behind them. */
export class Connections {
  readonly #byAgent = new Map<string, Set<Connection>>();

  accept(socket: TLSSocket): Connection {
    return new Connection(socket, (connection, agent) => {
      const open = this.#byAgent.get(agent) ?? new Set();
      this.#byAgent.set(agent, open.add(connection));
      socket.once('close', () => {
        open.delete(connection);
        if (open.size === 0 && this.#byAgent.get(agent) === open) this.#byAgent.delete(agent);
      });
    });
  }

  /** Ends every connection of an agent at once: one that has been banned or removed. */
  closeAgent(agent: string): void {
    for (const connection of [...(this.#byAgent.get(agent) ?? [])]) connection.close();
  }
}

export class Connection {
  readonly #socket: TLSSocket;
  readonly #name: (connection: Connection, agent: string) => void;
  #agent: string | undefined;

  constructor(socket: TLSSocket, name: (connection: Connection, agent: string) => void) {
    this.#socket = socket;
    this.#name = name;
  }

  /** Once: a connection has one certificate, and so one agent. */
  isOf(agent: string): void {
    if (this.#agent !== undefined) return;
    this.#agent = agent;
    this.#name(this, agent);
  }

  close(): void {
    this.#socket.destroy();
  }
}
