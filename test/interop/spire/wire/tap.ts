// Reads along at the TLS ports of a server in this process, and writes calls down.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerHttp2Stream } from 'node:http2';
import { FrameDecoder } from '#wire';
import { methodOf, plain, type Recorded } from './recording.ts';

const CREATED = 'http2.server.stream.created';

/** Fills `calls` with every call that ends while `use` runs. */
export async function tap(calls: Recorded[], use: () => Promise<void>): Promise<void> {
  const created = (message: unknown): void => {
    const { stream, headers } = message as { stream: ServerHttp2Stream; headers: Record<string, string> };
    if (stream.session?.encrypted === true) follow(stream, headers[':path'] ?? '', calls);
  };
  subscribe(CREATED, created);
  try {
    await use();
  } finally {
    unsubscribe(CREATED, created);
  }
}

function follow(stream: ServerHttp2Stream, method: string, calls: Recorded[]): void {
  const [asked, answered] = [new FrameDecoder(), new FrameDecoder()];
  const [requests, answers]: [Buffer[], Buffer[]] = [[], []];
  let code = '';
  const { push, write, end, respond, sendTrailers } = stream;
  stream.push = (chunk, ...rest) => {
    if (chunk instanceof Uint8Array) requests.push(...asked.push(chunk));
    return push.call(stream, chunk, ...rest);
  };
  const sent = (chunk: unknown): void => {
    if (chunk instanceof Uint8Array) answers.push(...answered.push(chunk));
  };
  stream.write = (chunk: unknown, ...rest: unknown[]) => {
    sent(chunk);
    return Reflect.apply(write, stream, [chunk, ...rest]);
  };
  stream.end = (...args: unknown[]) => {
    sent(args[0]);
    return Reflect.apply(end, stream, args);
  };
  stream.respond = (headers, options) => {
    code = `${Object(headers)['grpc-status'] ?? code}`;
    return respond.call(stream, headers, options);
  };
  stream.sendTrailers = (headers) => {
    code = `${headers['grpc-status']}`;
    return sendTrailers.call(stream, headers);
  };
  stream.once('close', () => {
    const { responseType } = methodOf(method);
    calls.push({
      method,
      requests: requests.map((request) => request.toString('base64')),
      code: Number(code),
      answers: answers.map((answer) => plain(responseType.decode(answer))),
    });
  });
}
