import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Fault, LIMITS } from '#kernel';

/**
 * Listens on a Unix socket of the given mode. A stale file is removed, a live one is left alone.
 * Throws `SOCKET_PATH_TOO_LONG`, `SOCKET_OCCUPIED` or `DIRECTORY_UNWRITABLE`, naming the path.
 */
export async function listenUnix(path: string, mode: number, onConnection: (socket: Socket) => void): Promise<Server> {
  const bytes = Buffer.byteLength(path);
  const limit = LIMITS.unixSocketPathBytes.value;
  if (bytes > limit) {
    throw new Fault('SOCKET_PATH_TOO_LONG', `the socket path ${path} has ${bytes} bytes; the system allows ${limit}`);
  }
  await removeStale(path);
  const server = createServer(onConnection);
  // The file must not be open to anybody for the moment between bind and chmod.
  const mask = process.umask(0o777 & ~mode);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path, backlog: 4096 }, resolve);
    });
    chmodSync(path, mode);
  } catch (cause) {
    throw new Fault('DIRECTORY_UNWRITABLE', `no socket can be made at ${path}`, { cause });
  } finally {
    process.umask(mask);
  }
  return server;
}

async function removeStale(path: string): Promise<void> {
  if (!existsSync(path)) return;
  if (await answers(path)) throw new Fault('SOCKET_OCCUPIED', `another process listens on ${path}`);
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
