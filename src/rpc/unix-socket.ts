import { chmodSync, lstatSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Fault, isFault, LIMITS } from '#kernel';

/**
 * Listens on a Unix socket of the given mode. A stale socket is removed; a live one, and a file that is no socket, is left alone.
 * Throws `SOCKET_PATH_TOO_LONG`, `SOCKET_OCCUPIED` or `DIRECTORY_UNWRITABLE`, naming the path.
 */
export async function listenUnix(path: string, mode: number, onConnection: (socket: Socket) => void): Promise<Server> {
  const bytes = Buffer.byteLength(path);
  const limit = LIMITS.unixSocketPathBytes.value;
  if (bytes > limit) {
    throw new Fault('SOCKET_PATH_TOO_LONG', `the socket path ${path} has ${bytes} bytes; the system allows ${limit}`, {
      details: { path, bytes, limit },
    });
  }
  await removeStale(path);
  const server = createServer(onConnection);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    assertNobodyReplaces(path);
    await listen(server, path, mode);
    chmodSync(path, mode);
  } catch (cause) {
    server.close();
    if (isFault(cause)) throw cause;
    throw new Fault('DIRECTORY_UNWRITABLE', `no socket can be made at ${path}`, { cause });
  }
  return server;
}

/** Who may write to the directory could put a socket of their own, or a link, in the place of ours; where it is sticky only owners can. */
function assertNobodyReplaces(path: string): void {
  const { mode } = statSync(dirname(path));
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0)
    throw new Fault(
      'DIRECTORY_UNWRITABLE',
      `everybody may write to the directory of ${path} and replace the socket: name one below it`,
      { details: { path } },
    );
}

function listen(server: Server, path: string, mode: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The file must not be open to anybody for the moment between bind and chmod. Node binds a path before `listen` returns, so that the
    // mask, which is the whole process's, is back before anything else runs.
    const mask = process.umask(0o777 & ~mode);
    try {
      // The kernel cuts it to net.core.somaxconn; beyond it a client is told to try again.
      server.listen({ path, backlog: 65_535 }, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Fault('SOCKET_OCCUPIED', `a file that is no socket stands at ${path}`);
  if (!(await isStale(path))) throw new Fault('SOCKET_OCCUPIED', `another process listens on ${path}`);
  rmSync(path, { force: true });
}

/** Only a refused connection says that nobody listens: one that may not be tried, or a full queue, is somebody's. */
function isStale(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ECONNREFUSED' || error.code === 'ENOENT'),
    );
  });
}
