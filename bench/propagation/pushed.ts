import { connect, type TLSSocket } from 'node:tls';
import { encodeFrame, FrameDecoder } from '#wire';
import { AgentSyncDefinition, SyncRequest, SyncResponse } from '#wire/gen/hauberk_sync';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** SETTINGS_INITIAL_WINDOW_SIZE of 2^31 - 1: never short of it in a bench. */
const SETTINGS = Buffer.from('00000604000000000000047fffffff', 'hex');
const SETTINGS_ACK = Buffer.from('000000040100000000', 'hex');
const WINDOW = Buffer.from('00000408000000000' + '07fff0000', 'hex');
const TYPE = { data: 0, headers: 1, settings: 4, ping: 6 } as const;
const NONE = Buffer.alloc(0);
const NAME = `/${AgentSyncDefinition.fullName}/Sync`;

export interface Pushing {
  readonly port: number;
  readonly servername: string;
  readonly identity?: { readonly key: string; readonly cert: string };
}

/** One simulated agent's push stream: a TLS connection of its own that acknowledges each revision, and costs next to nothing. */
export class PushedStream {
  /** The newest revision that came, and when (nanoseconds of the machine's monotonic clock). */
  revision = 0n;
  at = 0n;
  readonly #socket: TLSSocket;
  readonly #onRevision: () => void;
  readonly #trustDomain: string;
  readonly #messages = new FrameDecoder();
  #pending: Buffer = Buffer.alloc(0);

  constructor({ port, servername, identity }: Pushing, onRevision: () => void) {
    this.#onRevision = onRevision;
    this.#trustDomain = servername;
    const options = { host: '127.0.0.1', port, servername, ALPNProtocols: ['h2'], rejectUnauthorized: false };
    this.#socket = connect({ ...options, ...identity }, () => this.#open());
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', (error) => process.stderr.write(`  a simulated agent: ${error.message}\n`));
  }

  close(): void {
    this.#socket.destroy();
  }

  #open(): void {
    this.#socket.write(Buffer.concat([PREFACE, SETTINGS, WINDOW, frame(TYPE.headers, 0x4, HEADERS), this.#request()]));
  }

  #request(): Buffer {
    const request = {
      trustDomain: this.#trustDomain,
      protocolVersion: 1,
      revision: this.revision,
      digest: NONE,
      takesParts: false,
    };
    return frame(TYPE.data, 0, encodeFrame(SyncRequest.encode(request).finish()));
  }

  #read(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let at = 0;
    while (at + 9 <= this.#pending.length) {
      const end = at + 9 + this.#pending.readUIntBE(at, 3);
      if (end > this.#pending.length) break;
      this.#take(this.#pending[at + 3] ?? 0, this.#pending[at + 4] ?? 0, this.#pending.subarray(at + 9, end));
      at = end;
    }
    this.#pending = this.#pending.subarray(at);
  }

  #take(type: number, flags: number, payload: Buffer): void {
    if (type === TYPE.settings && (flags & 1) === 0) this.#socket.write(SETTINGS_ACK);
    if (type === TYPE.ping && (flags & 1) === 0) this.#socket.write(frame(TYPE.ping, 1, payload, 0));
    if (type !== TYPE.data) return;
    for (const message of this.#messages.push(payload)) this.#update(SyncResponse.decode(message));
  }

  #update({ update }: SyncResponse): void {
    // A pulse.
    if (update === undefined) return;
    this.revision = update.revision;
    this.#socket.write(this.#request());
    this.at = process.hrtime.bigint();
    this.#onRevision();
  }
}

function frame(type: number, flags: number, payload: Buffer, stream = 1): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal header fields without indexing (RFC 7541 §6.2.2), made once. */
const HEADERS = Buffer.concat(
  Object.entries({
    ':method': 'POST',
    ':scheme': 'https',
    ':path': NAME,
    ':authority': 'localhost',
    te: 'trailers',
    'content-type': 'application/grpc',
  }).map(([name, value]) => {
    const text = (one: string): Buffer => Buffer.concat([Buffer.from([one.length]), Buffer.from(one)]);
    return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
  }),
);
