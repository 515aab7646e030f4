// Between a stock program and the socket of a server: passes everything on and writes calls down.
import { once } from 'node:events';
import { connect, createServer, type ServerHttp2Stream } from 'node:http2';
import { createConnection } from 'node:net';
import { FrameDecoder } from '#wire';
import { methodOf, plain, type Recorded } from './recording.ts';

/** Listens at `path` until `use` is done, and fills `calls` with what goes by. */
export async function record(path: string, target: string, calls: Recorded[], use: () => Promise<void>): Promise<void> {
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    pass(stream, `${headers[':path']}`, headers, target).then(
      (call) => void calls.push(call),
      () => stream.destroy(),
    );
  });
  server.listen(path);
  await once(server, 'listening');
  try {
    await use();
  } finally {
    for (const session of sessions) session.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

async function pass(stream: ServerHttp2Stream, method: string, headers: object, target: string): Promise<Recorded> {
  const session = connect('http://localhost', { createConnection: () => createConnection(target) });
  const upstream = session.request({ ...headers, ':authority': 'localhost' });
  const sent: Buffer[] = [];
  const answered: Buffer[] = [];
  let status = '';
  stream.on('data', (chunk: Buffer) => {
    sent.push(chunk);
    upstream.write(chunk);
  });
  stream.on('end', () => upstream.end());
  upstream.on('response', (response) => {
    status = `${response['grpc-status'] ?? ''}`;
    const last = status !== '';
    stream.respond(response, { endStream: last, waitForTrailers: !last });
  });
  upstream.on('data', (chunk: Buffer) => {
    answered.push(chunk);
    stream.write(chunk);
  });
  upstream.on('trailers', (trailers) => {
    status = `${trailers['grpc-status']}`;
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  });
  upstream.on('end', () => stream.end());
  await once(upstream, 'close');
  session.close();
  const { responseType } = methodOf(method);
  return {
    method,
    requests: messages(sent).map((message) => Buffer.from(message).toString('base64')),
    code: Number(status),
    answers: messages(answered).map((message) => plain(responseType.decode(message))),
  };
}

function messages(chunks: readonly Buffer[]): readonly Uint8Array[] {
  const decoder = new FrameDecoder();
  return chunks.flatMap((chunk) => [...decoder.push(chunk)]);
}
