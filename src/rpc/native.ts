import koffi from 'koffi';
import { Fault } from '#kernel';

/** Calls into the C library that Node does not offer. One file, so that everything native is in sight. Linux only. */
interface Native {
  getsockopt(fd: number, level: number, option: number, value: Buffer, length: Uint32Array): number;
  close(fd: number): number;
}

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

/** Closes a raw descriptor, such as a pidfd. */
export function closeDescriptor(fd: number): void {
  native().close(fd);
}
