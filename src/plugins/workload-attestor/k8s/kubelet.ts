import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { Fault, isJsonObject, type JsonObject, type JsonValue, LIMITS, readJson } from '#kernel';

export interface KubeletOptions {
  readonly host: string;
  readonly port: number;
  /** PEM of the authorities that signed the kubelet's certificate. */
  readonly caFile: string;
  /** The certificate of a kubelet that signed its own is not looked at: only where nobody else can listen on its port. */
  readonly skipVerification: boolean;
  /** The name that the kubelet's certificate must have; absent: any name under `caFile`, as kubelets of a loopback address have. */
  readonly serverName?: string | undefined;
  /** Either a bearer token's file, read anew for each request because it is rotated, or a client certificate. */
  readonly tokenFile?: string | undefined;
  readonly clientCertificate?: { readonly certFile: string; readonly keyFile: string } | undefined;
}

const FETCH_MILLIS = 5000;

/** The pods of this node, by the kubelet's `/pods`. Callers at once share one request. */
export class Kubelet {
  readonly #options: KubeletOptions;
  #running: Promise<readonly JsonObject[]> | undefined;

  constructor(options: KubeletOptions) {
    this.#options = options;
  }

  /** Throws `UPSTREAM_UNAVAILABLE`. */
  pods(): Promise<readonly JsonObject[]> {
    // None of the callers' own time: one that is in a hurry must not end the request of the others.
    this.#running ??= this.#fetch(AbortSignal.timeout(FETCH_MILLIS)).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #fetch(signal: AbortSignal): Promise<readonly JsonObject[]> {
    const list = await this.#get('/pods', signal);
    const items: readonly JsonValue[] = isJsonObject(list) && Array.isArray(list.items) ? list.items : [];
    return items.filter((one): one is JsonObject => isJsonObject(one));
  }

  #get(path: string, signal: AbortSignal): Promise<JsonValue> {
    const { host, port, serverName, tokenFile, clientCertificate: client } = this.#options;
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void =>
        reject(new Fault('UPSTREAM_UNAVAILABLE', 'the kubelet does not answer', { cause }));
      const call = request(
        {
          host,
          port,
          path,
          signal,
          ...this.#trust(),
          ...(serverName === undefined ? {} : { servername: serverName }),
          ...(client === undefined ? {} : { cert: readFileSync(client.certFile), key: readFileSync(client.keyFile) }),
          headers: tokenFile === undefined ? {} : { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          answer.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > LIMITS.kubeletAnswerBytes.value) call.destroy(new Fault('LIMIT_EXCEEDED', 'too many pods'));
            else chunks.push(chunk);
          });
          answer.on('error', fail);
          answer.on('end', () => {
            if (answer.statusCode !== 200) return fail(answer.statusCode);
            try {
              resolve(readJson(Buffer.concat(chunks)));
            } catch (cause) {
              fail(cause);
            }
          });
        },
      );
      call.on('error', fail);
      call.end();
    });
  }

  #trust(): object {
    const { caFile, skipVerification, serverName } = this.#options;
    if (skipVerification) return { rejectUnauthorized: false };
    return { ca: readFileSync(caFile), ...(serverName === undefined ? { checkServerIdentity: () => undefined } : {}) };
  }
}
