import koffi from 'koffi';
import { Fault } from '#kernel';

/** Calls into the C library that Node does not offer. One file, so that everything native is in sight. Linux only. */
interface Native {
  getsockopt(fd: number, level: number, option: number, value: Buffer, length: Uint32Array): number;
  socketpair(domain: number, type: number, protocol: number, pair: Int32Array): number;
  poll(descriptors: Buffer, count: number, timeoutMillis: number): number;
  close(fd: number): number;
}

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const POLLIN = 1;

let loaded: Native | undefined;

function native(): Native {
  if (loaded !== undefined) return loaded;
  if (process.platform !== 'linux') throw new Fault('PLATFORM_UNSUPPORTED', 'callers can be identified on Linux only');
  try {
    const libc = koffi.load(null);
    loaded = {
      getsockopt: libc.func(
        'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
      ),
      socketpair: libc.func('int socketpair(int domain, int type, int protocol, _Out_ int *pair)'),
      poll: libc.func('int poll(_Inout_ uint8_t *descriptors, unsigned long count, int timeout)'),
      close: libc.func('int close(int fd)'),
    };
    return loaded;
  } catch (cause) {
    throw new Fault('PLATFORM_UNSUPPORTED', 'the C library cannot be called from here', { cause });
  }
}

/** `getsockopt(2)` for an option of `size` bytes; undefined when the kernel refuses. */
export function socketOption(fd: number, level: number, option: number, size: number): Buffer | undefined {
  const value = Buffer.alloc(size);
  const length = Uint32Array.of(size);
  if (native().getsockopt(fd, level, option, value, length) !== 0 || length[0] !== size) return undefined;
  return value;
}

/** Two connected Unix sockets of this process, as raw descriptors; undefined when the kernel refuses. */
export function socketPair(): readonly [number, number] | undefined {
  const pair = new Int32Array(2);
  const made = native().socketpair(AF_UNIX, SOCK_STREAM_CLOEXEC, 0, pair);
  const [one, other] = pair;
  return made !== 0 || one === undefined || other === undefined ? undefined : [one, other];
}

/** `struct pollfd`, used over and over: the call returns before anything else runs. */
const polled = Buffer.alloc(8);

/** poll(2) is interrupted by a signal to this process even when it does not wait; so often in a row by none. */
const MAX_TRIES = 100;

/** pidfd_open(2): a pidfd becomes readable when its process has ended. Anything but a clear "not readable" counts as ended. */
export function hasEnded(pidfd: number): boolean {
  const { poll } = native();
  for (let turn = 0; turn < MAX_TRIES; turn++) {
    polled.writeInt32LE(pidfd, 0);
    polled.writeInt16LE(POLLIN, 4);
    polled.writeInt16LE(0, 6);
    const answer = poll(polled, 1, 0);
    if (answer >= 0) return answer !== 0;
    if (koffi.errno() !== koffi.os.errno.EINTR) return true;
  }
  return true;
}

/** Closes a raw descriptor, such as a pidfd. */
export function closeDescriptor(fd: number): void {
  native().close(fd);
}
