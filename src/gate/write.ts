import type { Writable } from 'node:stream';

/**
 * Writes and waits until the other side takes more: what is not read there is not read here either. What is written in one go leaves in
 * one go: a message a packet would cost a TLS record each.
 */
export async function write(stream: Writable, bytes: Buffer): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return;
  if (stream.writableCorked === 0) {
    stream.cork();
    process.nextTick(() => stream.uncork());
  }
  if (stream.write(bytes)) return;
  await new Promise<void>((done) => {
    const go = (): void => {
      stream.off('drain', go);
      stream.off('close', go);
      done();
    };
    stream.on('drain', go);
    stream.on('close', go);
  });
}
