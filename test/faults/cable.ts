import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP connection through which bytes go until it is cut: from then on nothing comes through, and neither end is told. */
export class Cable {
  readonly #to: () => number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  port = 0;

  constructor(to: () => number) {
    this.#to = to;
    this.#server = createServer((near) => {
      const far = connect(this.#to(), '127.0.0.1');
      for (const [from, into] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (chunk) => into.write(chunk));
        from.on('error', () => undefined);
        // An end that is said is bytes too: nobody hears it while the cable is cut.
        from.once('close', () => {
          this.#sockets.delete(from);
          if (!this.#isCut) into.destroy();
        });
        if (this.#isCut) from.pause();
      }
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (Object(this.#server.address()) as { port: number }).port;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  mend(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
