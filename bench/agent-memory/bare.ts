// Child process: the least that a server over node:http2 holds for a connection with an open stream, on which it has answered once.
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { encodeFrame } from '#wire';
import { X509SVIDResponse } from '#wire/gen/workloadapi';

export interface BareServer {
  readonly socket: string;
  readonly bytes: number;
}

function answer(bytes: number): Buffer {
  const svid = {
    spiffeId: '',
    x509Svid: Buffer.alloc(bytes),
    x509SvidKey: Buffer.alloc(0),
    bundle: Buffer.alloc(0),
    hint: '',
  };
  return encodeFrame(X509SVIDResponse.encode({ svids: [svid], crl: [], federatedBundles: {} }).finish());
}

process.on('message', ({ socket, bytes }: BareServer) => {
  const server = createServer();
  const message = answer(bytes);
  server.on('sessionError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.resume();
    stream.write(message);
  });
  server.listen({ path: socket, backlog: 4096, readableAll: true, writableAll: true }, () => {
    process.send?.({ pid: process.pid });
  });
});
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
