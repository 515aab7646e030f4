import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher, Pool } from 'undici';
import type { Fault } from '#kernel';

export interface Sending {
  readonly pool: Pool;
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Readable | null;
  readonly response: ServerResponse;
  /** The head of the answer to the client; what it throws ends the request. */
  readonly answer: (status: number, answered: IncomingHttpHeaders) => OutgoingHttpHeaders;
}

/** Why a request must end before it is answered; said once. */
export class Cancellation {
  reason: Fault | undefined;
  #tell: (reason: Fault) => void = () => {};

  cancel(reason: Fault): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.#tell(reason);
  }

  /** Whom to tell; at once when it has been said already. */
  follow(tell: (reason: Fault) => void): void {
    this.#tell = tell;
    if (this.reason !== undefined) tell(this.reason);
  }
}

/**
 * Sends one request and relays its answer as it comes, no faster than the client reads. Undici's handlers are used directly: its streams cost a
 * quarter of a proxied request. Rejects with undici's error, what `answer` threw, or the reason of the cancellation.
 */
export function send(sending: Sending, cancellation: Cancellation): Promise<void> {
  const { pool, method, path, headers, body, response, answer } = sending;
  return new Promise((resolve, reject) => {
    let missing = Number.NaN;
    const relay: Dispatcher.DispatchHandler = {
      onRequestStart: (controller) =>
        cancellation.follow((reason) => {
          controller.abort(reason);
        }),
      onResponseStart: (_controller, status, answered) => {
        // Informational: the final answer is still to come (RFC 9110 §15.2).
        if (status < 200) return;
        missing = Number(answered['content-length']);
        response.writeHead(status, answer(status, answered));
      },
      onResponseData: (controller, chunk) => {
        missing -= chunk.length;
        // The last of a body whose length is known goes out in one piece with the end.
        if (missing === 0) response.end(chunk);
        else if (!response.write(chunk)) {
          controller.pause();
          response.once('drain', () => controller.resume());
        }
      },
      onResponseEnd: () => {
        if (!response.writableEnded) response.end();
        resolve();
      },
      onResponseError: (_controller, error) => reject(error),
    };
    // Until a connection takes it there is nobody to abort it.
    cancellation.follow(reject);
    if (cancellation.reason === undefined) pool.dispatch({ method, path, headers, body }, relay);
  });
}
