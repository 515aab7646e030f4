import type { TLSSocket } from 'node:tls';

/** Connections that were dialled and are open, each with the judgement under which it was opened. */
export class OpenConnections {
  readonly #open = new Map<TLSSocket, () => void>();

  /** `judge` throws when the connection would not be opened now. */
  add(socket: TLSSocket, judge: () => void): void {
    if (socket.destroyed) return;
    this.#open.set(socket, judge);
    socket.once('close', () => this.#open.delete(socket));
  }

  /** Identity, bundles or revocations have changed: what would not be opened now is cut, whatever it carries. */
  recheck(): void {
    for (const [socket, judge] of [...this.#open]) {
      try {
        judge();
      } catch {
        socket.destroy();
      }
    }
  }
}
