import { createClient } from '#rpc';
import { dialUnix } from '#wire';
import { SpiffeWorkloadAPIDefinition } from '#wire/gen/workloadapi';

/** A workload's FetchX509SVID: which identities it holds, and when that changed. */
export class IdentityStream {
  #ids: ReadonlySet<string> = new Set();
  #wake: () => void = () => {};
  #ended: unknown;
  readonly #stop = new AbortController();

  constructor(socket: string) {
    const metadata = { 'workload.spiffe.io': 'true' };
    const client = createClient(SpiffeWorkloadAPIDefinition, { dial: () => dialUnix(socket), metadata });
    void this.#follow(client).catch((error) => {
      this.#ended = error;
      this.#wake();
    });
  }

  async #follow(client: ReturnType<typeof createClient<typeof SpiffeWorkloadAPIDefinition>>): Promise<void> {
    for await (const { svids } of client.fetchX509SVID({}, this.#stop.signal)) {
      this.#ids = new Set(svids.map(({ spiffeId }) => spiffeId));
      this.#wake();
    }
    await client.close();
  }

  /** Resolves at the first message that has the identity, or has it no more. */
  async until(id: string, isThere: boolean): Promise<void> {
    while (this.#ids.has(id) !== isThere) {
      if (this.#ended !== undefined) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#stop.abort();
  }
}
