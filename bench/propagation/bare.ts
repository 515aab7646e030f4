// Child process: the least that a server over node:http2 and TLS does to push a message to each of its streams.
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { encodeFrame } from '#wire';
import { SyncResponse } from '#wire/gen/hauberk_sync';

export type BareQuestion =
  | { readonly listen: { readonly key: string; readonly cert: string } }
  /** Pushes so many bytes under this revision. */
  | { readonly revision: string; readonly bytes: number };

const streams = new Set<ServerHttp2Stream>();

/** A message of the protocol, padded. */
function message(revision: bigint, bytes: number): Buffer {
  const update = { trustDomain: 'bank-a', revision, full: false, upserts: [], removals: [], more: false };
  const resource = { kind: 'Entry', key: 'a', bodyJson: ' '.repeat(Math.max(0, bytes - 30)) };
  return encodeFrame(SyncResponse.encode({ update: { ...update, upserts: [resource] }, pulse: undefined }).finish());
}

function listen(identity: { readonly key: string; readonly cert: string }): Promise<number> {
  const server = createSecureServer({ ...identity, ALPNProtocols: ['h2'] });
  server.on('sessionError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    stream.once('close', () => streams.delete(stream));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.resume();
    stream.write(message(1n, 100));
    streams.add(stream);
  });
  return new Promise((resolve) => {
    server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

process.on('message', (question: BareQuestion) => {
  if ('listen' in question) void listen(question.listen).then((port) => process.send?.({ port }));
  else {
    const bytes = message(BigInt(question.revision), question.bytes);
    for (const stream of streams) stream.write(bytes);
    process.send?.({});
  }
});
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
