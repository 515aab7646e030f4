import { createHash } from 'node:crypto';
import { type FileHandle, open, readlink, stat } from 'node:fs/promises';

export interface Executable {
  /** Absent when the file is not, or no longer, at that path as this process sees it. */
  readonly path?: string;
  readonly sha256?: string;
}

const MAX_REMEMBERED = 1000;
const CHUNK_BYTES = 256 * 1024;

/** The executables of processes: where they are, and their digest, made once for each file that has not changed. */
export class Executables {
  readonly #sizeLimit: number;
  readonly #digests = new Map<string, Promise<string>>();

  /** A limit of 0 is none; below 0 no digest is made (as SPIRE's `workload_size_limit`). */
  constructor(sizeLimit: number) {
    this.#sizeLimit = sizeLimit;
  }

  async of(pid: number, signal: AbortSignal): Promise<Executable> {
    const link = `/proc/${pid}/exe`;
    const path = await readlink(link);
    const sha256 = this.#sizeLimit < 0 ? undefined : await this.#digest(link, signal);
    return {
      ...((await isAt(link, path)) ? { path } : {}),
      ...(sha256 === undefined ? {} : { sha256 }),
    };
  }

  /** Through the link the kernel opens the very file that runs, whatever stands at its path. */
  async #digest(link: string, signal: AbortSignal): Promise<string | undefined> {
    const file = await open(link, 'r');
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
      if (this.#sizeLimit > 0 && size > BigInt(this.#sizeLimit)) return undefined;
      const key = `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
      const known = this.#digests.get(key);
      if (known !== undefined) return await known;
      const digest = hash(file, signal);
      this.#remember(key, digest);
      return await digest;
    } finally {
      await file.close();
    }
  }

  #remember(key: string, digest: Promise<string>): void {
    this.#digests.set(key, digest);
    digest.catch(() => this.#digests.delete(key));
    if (this.#digests.size <= MAX_REMEMBERED) return;
    const oldest = this.#digests.keys().next().value;
    if (oldest !== undefined) this.#digests.delete(oldest);
  }
}

/**
 * Whether the file that runs is the one at that path here. In a mount namespace or root of its own, which any user may make, a process has its
 * own file at every path; a file that was removed or replaced since (proc(5): `(deleted)`) is at none.
 */
async function isAt(link: string, path: string): Promise<boolean> {
  const [running, here] = await Promise.all(
    [link, path].map((name) => stat(name, { bigint: true }).catch(() => undefined)),
  );
  return running !== undefined && here !== undefined && running.dev === here.dev && running.ino === here.ino;
}

async function hash(file: FileHandle, signal: AbortSignal): Promise<string> {
  const sum = createHash('sha256');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let position = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return sum.digest('hex');
    sum.update(chunk.subarray(0, bytesRead));
    position += bytesRead;
  }
}
