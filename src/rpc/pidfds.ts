import { closeDescriptor, hasEnded } from './native.ts';

/**
 * One pidfd a process, however many connections it has: ten thousand of them would need as many descriptors again. While a pidfd says that
 * its process lives, its pid is nobody else's, so that another living pidfd of the same pid is of the same process.
 */
export class Pidfds {
  readonly #ofPid = new Map<number, number>();
  readonly #uses = new Map<number, number>();

  /** Takes over a new pidfd; returns the one to be used for this process, to be given back once. */
  share(pid: number, pidfd: number): number {
    const known = this.#ofPid.get(pid);
    if (known !== undefined && !hasEnded(known) && !hasEnded(pidfd)) {
      closeDescriptor(pidfd);
      this.#uses.set(known, (this.#uses.get(known) ?? 0) + 1);
      return known;
    }
    // Connections of a process that has ended keep its pidfd; the pid stands for the newer one from here on.
    this.#ofPid.set(pid, pidfd);
    this.#uses.set(pidfd, 1);
    return pidfd;
  }

  giveBack(pid: number, pidfd: number): void {
    const left = (this.#uses.get(pidfd) ?? 0) - 1;
    if (left > 0) {
      this.#uses.set(pidfd, left);
      return;
    }
    this.#uses.delete(pidfd);
    if (this.#ofPid.get(pid) === pidfd) this.#ofPid.delete(pid);
    closeDescriptor(pidfd);
  }
}
