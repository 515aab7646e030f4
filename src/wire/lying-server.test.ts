// What a server that lies may make its client do: nothing but fail.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { faultCode, isFault, LIMITS } from '#kernel';
import { HealthCheckResponse, HealthDefinition } from './gen/health.ts';
import { createGrpcClient } from './grpc-client.ts';
import { encodeFrame } from './grpc-frames.ts';
import { faultOfTrailers } from './grpc-status.ts';

const SERVING = encodeFrame(HealthCheckResponse.encode({ status: 1 }).finish());

async function asked(lie: (stream: ServerHttp2Stream) => void, timeoutMillis = 5000): Promise<unknown> {
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    lie(stream);
  });
  server.on('session', (session) => session.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port }: AddressInfo = Object(server.address());
  const dial = async () => connect(port, '127.0.0.1');
  const client = createGrpcClient(HealthDefinition, { dial, timeoutMillis });
  try {
    return (await client.check({ service: '' })).status;
  } catch (error) {
    return faultCode(error) ?? error;
  } finally {
    await client.close();
    server.close();
  }
}

function answer(stream: ServerHttp2Stream, bytes: Uint8Array, trailers: OutgoingHttpHeaders | undefined): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => (trailers === undefined ? stream.close() : stream.sendTrailers(trailers)));
  stream.end(bytes);
}

test('an answer counts when its trailers say so, and only then', async () => {
  const outcome = (trailers?: OutgoingHttpHeaders, bytes = SERVING) =>
    asked((stream) => answer(stream, bytes, trailers));
  assert.equal(await outcome({ 'grpc-status': '0' }), 1);
  assert.equal(await outcome(undefined), 'UPSTREAM_UNAVAILABLE');
  assert.equal(await outcome({ 'grpc-status': '' }), 'INTERNAL_ERROR');
  assert.equal(await outcome({ 'grpc-status': '0x0' }), 'INTERNAL_ERROR');
  assert.equal(await outcome({ 'grpc-status': '7' }), 'IDENTITY_NO_ENTRY');
  assert.equal(await outcome({ 'grpc-status': '0' }, Buffer.alloc(0)), 'UPSTREAM_UNAVAILABLE');
});

test('attack: a message that is larger than any, compressed, or cut ends the call', async () => {
  const head = (flag: number, length: number): Buffer => {
    const bytes = Buffer.alloc(5);
    bytes[0] = flag;
    bytes.writeUInt32BE(length, 1);
    return bytes;
  };
  const outcome = (bytes: Buffer) => asked((stream) => answer(stream, bytes, { 'grpc-status': '0' }));
  assert.equal(await outcome(head(0, LIMITS.grpcMessageBytes.value + 1)), 'LIMIT_EXCEEDED');
  assert.equal(await outcome(head(1, 3)), 'ARGUMENT_INVALID');
  assert.equal(await outcome(SERVING.subarray(0, 6)), 'UPSTREAM_UNAVAILABLE');
});

test('attack: an answer that never ends is left when its time is over', async () => {
  const endless = (stream: ServerHttp2Stream): void => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    const more = (): void => {
      if (!stream.destroyed) stream.write(SERVING, () => setImmediate(more));
    };
    more();
  };
  assert.ok(['1', 'UPSTREAM_UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(`${await asked(endless, 200)}`));
});

test('attack: a server pushes nothing', async () => {
  let pushed: unknown;
  await asked((stream) => {
    try {
      stream.pushStream({ ':path': '/evil' }, () => undefined);
    } catch (error) {
      pushed = Object(error).code;
    }
    answer(stream, SERVING, { 'grpc-status': '0' });
  });
  assert.equal(pushed, 'ERR_HTTP2_PUSH_DISABLED');
});

test('attack: trailers that hold anything are a fault or success, never another error', () => {
  const value = fc.oneof(
    fc.string(),
    fc.json(),
    fc.constantFrom('{', '%', '%zz', '__proto__', '{"__proto__":{"polluted":1}}', '1e9', '-1'),
  );
  const names = fc.constantFrom('grpc-status', 'grpc-message', 'hauberk-code', 'hauberk-id', 'hauberk-details');
  fc.assert(
    fc.property(fc.dictionary(names, value), (trailers) => {
      const fault = faultOfTrailers(trailers);
      assert.ok(
        fault === undefined
          ? trailers['grpc-status'] === '0' || /^0+$/.test(trailers['grpc-status'] ?? '')
          : isFault(fault),
      );
      assert.equal(Object({}).polluted, undefined);
    }),
  );
});
