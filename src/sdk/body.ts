import type { IncomingMessage } from 'node:http';
import { Fault } from '#kernel';

const BODY_BYTES = 1024 * 1024;

/** Reads the body when it is first asked for. Rejects with `LIMIT_EXCEEDED`. */
export function bodyReader(request: IncomingMessage): () => Promise<string> {
  let reading: Promise<string> | undefined;
  return () => {
    reading ??= readBody(request);
    return reading;
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > BODY_BYTES) throw new Fault('LIMIT_EXCEEDED', 'the body is larger than the limit');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Throws `ARGUMENT_INVALID`. */
export function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault('ARGUMENT_INVALID', 'the body is not JSON', { cause });
  }
}
