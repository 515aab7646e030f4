import { connect, type Socket } from 'node:net';
import { encodeFrame } from '#wire';
import { frame, grpcFields, headerBlock, PREFACE, TYPE } from '../../src/rpc/raw-http2.harness.ts';

const SETTINGS = Buffer.from('000000040000000000', 'hex');
const SETTINGS_ACK = Buffer.from('000000040100000000', 'hex');
/** So that one connection may receive for as long as it likes. */
const WINDOW = Buffer.from('00000408000000000' + '03fff0000', 'hex');
const RETRY_MILLIS = 10;
/** A gRPC client that costs next to nothing: its frames are made once. */
export class RawClient {
  #socket: Socket | undefined;
  readonly #headers: Buffer;
  readonly #data: Buffer;
  #pending: Buffer = Buffer.alloc(0);
  #stream = -1;
  #onAnswer: () => void = () => {};
  #onEnd: () => void = () => {};
  #status = '';
  #answeredOnce = false;

  readonly #path: string;

  constructor(socketPath: string, path: string, message: Uint8Array) {
    this.#path = socketPath;
    this.#headers = headerBlock(grpcFields(path, ['te', 'trailers']));
    this.#data = encodeFrame(message);
  }

  /** Opens the connection and asks; resolves with the first answer. */
  first(): Promise<void> {
    this.#stream = 1;
    this.#connect();
    return this.#answered('answer');
  }

  #connect(): void {
    const socket = connect({ path: this.#path });
    this.#socket = socket;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The kernel's queue is full (net.core.somaxconn): every client library tries again.
      if (error.code === 'EAGAIN') setTimeout(() => this.#connect(), RETRY_MILLIS);
      else this.#fail(error.message);
    });
    socket.on('end', () => this.#fail('the connection was closed'));
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.write(Buffer.concat([PREFACE, SETTINGS, WINDOW, ...this.#request()]));
  }

  /** Asks again on the open connection; resolves when the call has ended. */
  call(): Promise<void> {
    this.#stream += 2;
    this.#socket?.write(Buffer.concat(this.#request()));
    return this.#answered('end');
  }

  close(): void {
    this.#onAnswer = this.#onEnd = () => {};
    this.#socket?.destroy();
  }

  #request(): Buffer[] {
    return [frame(TYPE.headers, 0x4, this.#stream, this.#headers), frame(TYPE.data, 0x1, this.#stream, this.#data)];
  }

  #answered(what: 'answer' | 'end'): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => (this.#status === '' ? resolve() : reject(new TypeError(this.#status)));
      if (what === 'answer') this.#onAnswer = done;
      else this.#onEnd = done;
    });
  }

  /** A call that ends before it was answered is one that was refused. */
  #end(): void {
    if (!this.#answeredOnce) this.#fail('the call ended without an answer');
    this.#onEnd();
  }

  #fail(status: string): void {
    this.#status = status;
    this.#onAnswer();
    this.#onEnd();
  }

  #read(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let at = 0;
    while (at + 9 <= this.#pending.length) {
      const length = this.#pending.readUIntBE(at, 3);
      if (at + 9 + length > this.#pending.length) break;
      const [type, flags] = [this.#pending[at + 3], this.#pending[at + 4] ?? 0];
      if (type === TYPE.settings && (flags & 1) === 0) this.#socket?.write(SETTINGS_ACK);
      if (type === TYPE.data && length > 5) {
        this.#answeredOnce = true;
        this.#onAnswer();
      }
      if ((type === TYPE.data || type === TYPE.headers) && (flags & 1) === 1) this.#end();
      at += 9 + length;
    }
    this.#pending = this.#pending.subarray(at);
  }
}
