import type { Socket } from 'node:net';
import { Fault } from '#kernel';
import { closeDescriptor, hasEnded, socketOption, socketPair } from './native.ts';
import { Pidfds } from './pidfds.ts';
import { startTime } from './start-time.ts';

/** Who is at the other end of a Unix socket, by the kernel's word: the process that connected, whoever holds the socket now. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the process that connected, where the kernel offers one (SO_PEERPIDFD, Linux 6.5). */
  readonly pidfd: number | undefined;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77;

let pidfdsOffered: boolean | undefined;
const shared = new Pidfds();
const released = new WeakSet<PeerCredentials>();
const startedAt = new WeakMap<PeerCredentials, string | undefined>();

/**
 * Asks the kernel about a socket whose other end is this very process, once. Throws `PLATFORM_UNSUPPORTED` when the answer is wrong: no
 * socket may be served whose callers cannot be told apart.
 */
export function assertCallersAreNamed(): void {
  pidfdsOffered ??= testCallersAreNamed();
}

/**
 * Throws `IDENTITY_CALLER_UNKNOWN` when the kernel does not say. The caller gives it back: see `releasePidfd`. `withPidfd: false` is for
 * tests: as on a kernel that offers none.
 */
export function peerCredentials(
  socket: Socket,
  { withPidfd = true }: { readonly withPidfd?: boolean } = {},
): PeerCredentials {
  assertCallersAreNamed();
  const fd = descriptorOf(socket);
  const named = fd === undefined ? undefined : readCredentials(fd, withPidfd);
  if (named === undefined) throw new Fault('IDENTITY_CALLER_UNKNOWN', 'the kernel does not say who is calling');
  const { pid, pidfd } = named;
  // A caller in another pid namespace that is not visible from here has pid 0.
  if (pid <= 0) {
    if (pidfd !== undefined) closeDescriptor(pidfd);
    throw new Fault('IDENTITY_CALLER_UNKNOWN', 'the caller is not visible from here');
  }
  // A kernel that offers pidfds refuses one for a caller that has ended: its pid may be another's by now.
  if (withPidfd && pidfdsOffered === true && pidfd === undefined)
    throw new Fault('IDENTITY_CALLER_UNKNOWN', 'the caller has ended');
  const credentials = { ...named, pidfd: pidfd === undefined ? undefined : shared.share(pid, pidfd) };
  if (pidfd === undefined) startedAt.set(credentials, startTime(pid));
  return credentials;
}

/**
 * True while the process that connected still runs. While it does, its pid is nobody else's: what was read under `/proc/<pid>` before
 * this answer was its own. Without pidfds (before Linux 6.5) the start time stands in.
 */
export function isAlive(credentials: PeerCredentials): boolean {
  if (released.has(credentials)) return false;
  if (credentials.pidfd !== undefined) return !hasEnded(credentials.pidfd);
  const then = startedAt.get(credentials);
  return then !== undefined && startTime(credentials.pid) === then;
}

/** Gives the pidfd back, once; the last one closes it. Afterwards the caller counts as ended: the number may be another descriptor's. */
export function releasePidfd(credentials: PeerCredentials): void {
  if (released.has(credentials)) return;
  released.add(credentials);
  if (credentials.pidfd !== undefined) shared.giveBack(credentials.pid, credentials.pidfd);
}

function readCredentials(fd: number, withPidfd = true): PeerCredentials | undefined {
  const answer = socketOption(fd, SOL_SOCKET, SO_PEERCRED, 12);
  if (answer === undefined) return undefined;
  const [pid, uid, gid] = [answer.readInt32LE(0), answer.readUInt32LE(4), answer.readUInt32LE(8)];
  const pidfd = withPidfd ? socketOption(fd, SOL_SOCKET, SO_PEERPIDFD, 4)?.readInt32LE(0) : undefined;
  return { pid, uid, gid, pidfd };
}

function testCallersAreNamed(): boolean {
  const pair = socketPair();
  if (pair === undefined) throw new Fault('PLATFORM_UNSUPPORTED', 'the kernel gives no Unix sockets');
  const self = readCredentials(pair[0]);
  for (const fd of pair) closeDescriptor(fd);
  const alive = self?.pidfd === undefined || !hasEnded(self.pidfd);
  if (self?.pidfd !== undefined) closeDescriptor(self.pidfd);
  if (self?.pid !== process.pid || self.uid !== process.geteuid?.() || !alive)
    throw new Fault('PLATFORM_UNSUPPORTED', 'the kernel does not name the callers of Unix sockets correctly');
  return self.pidfd !== undefined;
}

/** Node shows an accepted socket's descriptor only at `_handle.fd`. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  const fd: unknown = Reflect.get(handle, 'fd');
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
