import { constants, type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { BoundMethod } from './bound-method.ts';
import { answerUnimplemented, type CallBounds, GrpcCall, refuseStream } from './grpc-call.ts';

/** Bounds of one connection; what is beyond them, nghttp2 refuses before it is held. */
const OPTIONS = {
  maxSessionMemory: 10,
  maxHeaderListPairs: 64,
  settings: { maxConcurrentStreams: 100, maxHeaderListSize: 16 * 1024, enablePush: false },
} as const;

/** Speaks gRPC on a connection whose caller is known. Ends with the socket. */
export function serveConnection<Caller>(
  socket: Socket,
  methods: ReadonlyMap<string, BoundMethod<Caller>>,
  caller: Caller,
  bounds: CallBounds,
): ServerHttp2Session {
  const session = performServerHandshake(socket, OPTIONS);
  session.on('error', () => socket.destroy());
  session.on('stream', (stream, headers, _flags, rawHeaders: unknown) => {
    stream.on('error', () => undefined);
    if (!isGrpc(headers)) {
      return refuseStream(stream, { ':status': constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE });
    }
    const method = methods.get(headers[':path'] ?? '');
    if (method === undefined) return answerUnimplemented(stream);
    const raw: readonly string[] = Array.isArray(rawHeaders) ? rawHeaders : [];
    void new GrpcCall(stream, method, bounds).run(caller, headers, raw);
  });
  return session;
}

/** gRPC over HTTP/2, Requests: a POST of this content type, or of one that says more of it. */
function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'POST' && /^application\/grpc(?:[+;]|$)/.test(headers['content-type'] ?? '');
}
