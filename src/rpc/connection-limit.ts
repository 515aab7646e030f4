import { readFileSync } from 'node:fs';
import { LIMITS } from '#kernel';

/** Descriptors that a process needs beside its callers' connections. */
const RESERVE = 512;
/** One user must not be able to take them all. */
const SHARE_OF_ONE_USER = 0.75;

/** How many connections one socket serves at once, together and for one user: as many as descriptors allow (RLIMIT_NOFILE), and not more than the table says. */
export class ConnectionLimit {
  readonly #total: number;
  readonly #perUser: number;
  readonly #byUser = new Map<number, number>();
  #open = 0;

  constructor(descriptors: number = descriptorLimit()) {
    this.#total = Math.max(1, Math.min(LIMITS.unixConnections.value, descriptors - RESERVE));
    this.#perUser = Math.max(
      1,
      Math.min(LIMITS.unixConnectionsPerUser.value, Math.floor(this.#total * SHARE_OF_ONE_USER)),
    );
  }

  /** False when there is no room; a true is to be given back with `leave`. */
  enter(uid: number): boolean {
    const ofUser = this.#byUser.get(uid) ?? 0;
    if (this.#open >= this.#total || ofUser >= this.#perUser) return false;
    this.#open++;
    this.#byUser.set(uid, ofUser + 1);
    return true;
  }

  leave(uid: number): void {
    const left = (this.#byUser.get(uid) ?? 0) - 1;
    this.#open--;
    if (left > 0) this.#byUser.set(uid, left);
    else this.#byUser.delete(uid);
  }
}

/** proc(5), `/proc/self/limits`: Node raises the soft limit to the hard one when it starts. */
function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? Number.MAX_SAFE_INTEGER : Number(soft);
  } catch {
    return 1024;
  }
}
