// A client of the protocol by hand, behind TLS: it says what no library would.
import { connect, type TLSSocket } from 'node:tls';
import type { X509Svid } from '#spiffe';
import { pemCertificates } from '#x509';
import { parseErrorFields } from './error-fields.ts';
import { cstring, message, startupMessage } from './messages.ts';

export interface Said {
  readonly type: string;
  readonly body: Buffer;
}

export class RawClient {
  readonly socket: TLSSocket;
  readonly said: Said[] = [];
  closed = false;
  #held = Buffer.alloc(0);
  #wake: () => void = () => {};

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** Connected, started, and ready. */
  static async open(port: number, svid: X509Svid): Promise<RawClient> {
    const key = svid.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const identity = { cert: pemCertificates([...svid.chain]), key, rejectUnauthorized: false };
    const socket = connect({ host: '127.0.0.1', port, ALPNProtocols: ['postgresql'], ...identity });
    await new Promise<void>((done, failed) => {
      socket.once('secureConnect', done);
      socket.once('error', failed);
    });
    const client = new RawClient(socket);
    const parameters = new Map([
      ['user', 'x'],
      ['database', 'bank'],
    ]);
    socket.write(startupMessage(parameters));
    await client.until(() => client.count('Z') === 1);
    return client;
  }

  write(...parts: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  count(type: string): number {
    return this.said.filter((one) => one.type === type).length;
  }

  /** Messages of errors, in order. */
  errors(): readonly string[] {
    return this.said.filter(({ type }) => type === 'E').map(({ body }) => parseErrorFields(body).get('M') ?? '');
  }

  /** Also resolves when the connection has ended. */
  async until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!condition() && !this.closed) {
      if (performance.now() > deadline)
        throw new Error(`it did not come to hold: ${this.said.map(({ type }) => type).join('')}`);
      await new Promise<void>((done) => {
        this.#wake = done;
        setTimeout(done, 100).unref();
      });
    }
  }

  #read(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk]);
    while (this.#held.length >= 5) {
      const size = this.#held.readUInt32BE(1) + 1;
      if (this.#held.length < size) break;
      this.said.push({ type: this.#held.toString('latin1', 0, 1), body: this.#held.subarray(5, size) });
      this.#held = this.#held.subarray(size);
    }
    this.#wake();
  }
}

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);

export const parse = (sql: string, name = ''): Buffer =>
  message('P', Buffer.concat([cstring(name), cstring(sql), int16(0)]));
/** Text parameters. */
export function bind(name = '', ...values: readonly string[]): Buffer {
  const parameters = values.map((value) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  });
  const counted = Buffer.concat([int16(0), int16(values.length), ...parameters, int16(0)]);
  return message('B', Buffer.concat([cstring(''), cstring(name), counted]));
}
export const execute = (): Buffer => message('E', Buffer.concat([cstring(''), Buffer.alloc(4)]));
export const sync = (): Buffer => message('S');
