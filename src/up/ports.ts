import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { Fault } from '#kernel';

/** `auto`, or the port that the operator asks for. */
export type WantedPort = number | 'auto';

/**
 * Free ports on loopback, by name. A port that a name had the last time (kept in `file`) is taken again when it is free, so that
 * bookmarks and open browser tabs go on working. Throws `PORT_OCCUPIED` for a fixed port that another process holds, `CONFIG_INVALID` for one that is
 * asked for twice.
 */
export async function allocatePorts(
  wanted: ReadonlyMap<string, WantedPort>,
  file: string,
): Promise<ReadonlyMap<string, number>> {
  const before = readPorts(file);
  const held: Server[] = [];
  const ports = new Map<string, number>();
  try {
    for (const [name, want] of wanted) {
      const server = want === 'auto' ? await holdAny(before.get(name)) : await holdFixed(name, want, ports);
      held.push(server);
      ports.set(name, portOf(server));
    }
  } finally {
    await Promise.all(held.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }
  writeFileSync(file, JSON.stringify(Object.fromEntries(ports)), { mode: 0o600 });
  return ports;
}

async function holdAny(before: number | undefined): Promise<Server> {
  if (before !== undefined) {
    const again = await hold(before).catch(() => undefined);
    if (again !== undefined) return again;
  }
  return hold(0);
}

async function holdFixed(name: string, port: number, taken: ReadonlyMap<string, number>): Promise<Server> {
  return hold(port).catch((cause: unknown) => {
    const address = `127.0.0.1:${port}`;
    const other = [...taken].find(([, held]) => held === port)?.[0];
    const details = { address, name };
    if (other !== undefined)
      throw new Fault('CONFIG_INVALID', `${name} and ${other} ask for the same port ${port}`, { cause, details });
    if (Object(cause).code === 'EACCES')
      throw new Fault('PORT_OCCUPIED', `${name} asks for port ${port}, on which this user may not listen`, {
        cause,
        details,
      });
    throw new Fault('PORT_OCCUPIED', `${name} asks for port ${port}, but another process listens on ${address}`, {
      cause,
      details,
    });
  });
}

function hold(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function readPorts(file: string): ReadonlyMap<string, number> {
  try {
    const json: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const entries = typeof json === 'object' && json !== null ? Object.entries(json) : [];
    return new Map(entries.filter((entry): entry is [string, number] => isPort(entry[1])));
  } catch {
    return new Map();
  }
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;
}
