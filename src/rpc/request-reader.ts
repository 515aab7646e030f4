import type { ServerHttp2Stream } from 'node:http2';
import { Fault } from '#kernel';
import { FrameDecoder } from '#wire';
import type { CallBytes } from './held-bytes.ts';

/** Beside its bytes, what a message costs that waits for its handler. */
const MESSAGE_BYTES = 128;
/** A caller whose messages wait for their handler is not read beyond this. */
const WAITING_BYTES = 64 * 1024;
/** What Node still takes of a stream that is not read: its buffer (64 KiB) and the window that the caller was given (64 KiB). */
const UNREAD_BYTES = 128 * 1024;

export interface ReaderOptions {
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly limitBytes: number;
  readonly bytes: CallBytes;
  /** A message that has begun is whole by then. */
  readonly messageMillis: number;
  /** Told what is wrong with the bytes, whether or not a handler waits for them. */
  readonly onFault: (fault: unknown) => void;
}

/** The messages of a request, cut as their bytes come; all that waits is held in the name of the caller. */
export class RequestReader {
  readonly #stream: ServerHttp2Stream;
  readonly #options: ReaderOptions;
  readonly #frames: FrameDecoder;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #paused = false;
  #ended = false;
  #fault: unknown;
  #wake = (): void => {};
  #late: NodeJS.Timeout | undefined;
  readonly #onData = (chunk: Buffer): void => this.#take(chunk);

  constructor(stream: ServerHttp2Stream, options: ReaderOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#frames = new FrameDecoder(options.limitBytes, (bytes) => options.bytes.hold(bytes));
    // What came together with the headers is there already: most requests are whole with it, and need no time to run.
    const first: Buffer | null = stream.read();
    if (first !== null) this.#take(first);
    if (this.#fault === undefined) stream.on('data', this.#onData);
    stream.once('end', () => this.#end());
    stream.once('close', () => this.#end());
  }

  /** The one message of a unary call; what else comes is not kept. */
  async only(): Promise<unknown> {
    if (this.#waiting.length === 0) this.#expect(true);
    const message = await this.#next();
    this.#discard();
    if (message === undefined) throw new Fault('ARGUMENT_INVALID', 'the request has no message');
    // Its bytes stay held until the call ends: the handler has what was made of them.
    return this.#decoded(message);
  }

  async *all(): AsyncGenerator<unknown, void, undefined> {
    for (let message = await this.#next(); message !== undefined; message = await this.#next()) {
      const decoded = this.#decoded(message);
      yield decoded;
      this.#options.bytes.hold(-message.length - MESSAGE_BYTES);
    }
  }

  async #next(): Promise<Buffer | undefined> {
    while (this.#waiting.length === 0) {
      if (this.#fault !== undefined) throw this.#fault;
      if (this.#ended) return undefined;
      this.#resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const message = this.#waiting.shift();
    if (message !== undefined) this.#waitingBytes -= message.length + MESSAGE_BYTES;
    return message;
  }

  #take(chunk: Buffer): void {
    try {
      for (const message of this.#frames.push(chunk)) {
        this.#options.bytes.hold(message.length + MESSAGE_BYTES);
        this.#waiting.push(message);
        this.#waitingBytes += message.length + MESSAGE_BYTES;
      }
      if (this.#waitingBytes > WAITING_BYTES) this.#pause();
      this.#expect(this.#frames.pendingBytes > 0);
      this.#wake();
    } catch (error) {
      this.#fail(error);
    }
  }

  #pause(): void {
    if (this.#paused) return;
    this.#options.bytes.hold(UNREAD_BYTES);
    this.#paused = true;
    this.#stream.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#options.bytes.hold(-UNREAD_BYTES);
    this.#paused = false;
    this.#stream.resume();
  }

  /** Slow bytes: the time runs from the first byte of a message, whatever comes after it. */
  #expect(more: boolean): void {
    if (!more || this.#ended) {
      clearTimeout(this.#late);
      this.#late = undefined;
    } else
      this.#late ??= setTimeout(
        () => this.#fail(new Fault('DEADLINE_EXCEEDED', 'the request did not come in time')),
        this.#options.messageMillis,
      );
  }

  #fail(fault: unknown): void {
    this.#fault = fault;
    this.#options.onFault(fault);
    this.#discard();
    this.#wake();
  }

  #discard(): void {
    this.#expect(false);
    this.#stream.off('data', this.#onData);
    this.#frames.clear();
    this.#resume();
    this.#stream.resume();
  }

  #end(): void {
    this.#ended = true;
    this.#expect(false);
    this.#wake();
  }

  #decoded(message: Buffer): unknown {
    try {
      return this.#options.decode(message);
    } catch (cause) {
      throw new Fault('ARGUMENT_INVALID', 'the request is not a message of its type', { cause });
    }
  }
}
