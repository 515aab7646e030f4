import type { Socket } from 'node:net';
import { Fault } from '#kernel';
import { closeDescriptor, socketOption } from './native.ts';

/** Who is at the other end of a Unix socket, by the kernel's word. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** True when the kernel gave a pidfd for the caller at connect time (SO_PEERPIDFD, Linux 6.5). */
  readonly pidfd: number | undefined;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77;

/** Throws `IDENTITY_CALLER_UNKNOWN` when the kernel does not say. The caller owns the pidfd: see `releasePidfd`. */
export function peerCredentials(socket: Socket): PeerCredentials {
  const fd = descriptorOf(socket);
  const credentials = fd === undefined ? undefined : socketOption(fd, SOL_SOCKET, SO_PEERCRED, 12);
  if (fd === undefined || credentials === undefined) {
    throw new Fault('IDENTITY_CALLER_UNKNOWN', 'the kernel does not say who is calling');
  }
  const [pid, uid, gid] = [credentials.readInt32LE(0), credentials.readUInt32LE(4), credentials.readUInt32LE(8)];
  // A caller in another pid namespace that is not visible from here has pid 0.
  if (pid <= 0) throw new Fault('IDENTITY_CALLER_UNKNOWN', 'the caller is not visible from here');
  return { pid, uid, gid, pidfd: socketOption(fd, SOL_SOCKET, SO_PEERPIDFD, 4)?.readInt32LE(0) };
}

export function releasePidfd(credentials: PeerCredentials): void {
  if (credentials.pidfd !== undefined) closeDescriptor(credentials.pidfd);
}

/** Node shows an accepted socket's descriptor only at `_handle.fd`. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  const fd: unknown = Reflect.get(handle, 'fd');
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
