// One gRPC call of raw messages.
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { encodeFrame, FrameDecoder } from '#wire';

export interface RawAnswer {
  readonly code: number;
  readonly message: string;
  readonly answers: readonly Uint8Array[];
}

const HEADERS = { ':method': 'POST', te: 'trailers', 'content-type': 'application/grpc' } as const;

export async function rawCall(
  session: ClientHttp2Session,
  path: string,
  requests: readonly Uint8Array[],
): Promise<RawAnswer> {
  const stream = session.request({ ...HEADERS, ':path': path, ':authority': 'localhost' });
  const decoder = new FrameDecoder();
  const answers: Uint8Array[] = [];
  const told: Record<string, unknown> = {};
  stream.on('data', (chunk: Buffer) => answers.push(...decoder.push(chunk)));
  for (const event of ['response', 'trailers']) stream.on(event, (headers) => Object.assign(told, headers));
  for (const request of requests) stream.write(encodeFrame(request));
  stream.end();
  await once(stream, 'close');
  return { code: Number(told['grpc-status']), message: `${told['grpc-message'] ?? ''}`, answers };
}
