import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectNet } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '#kernel';
import { encodeFrame } from '#wire';
import { HealthCheckRequest, HealthCheckResponse, HealthDefinition } from '#wire/gen/health';
import { bindService } from './bind-service.ts';
import { parseGrpcTimeout } from './grpc-timeout.ts';
import { serveUnix } from './serve-unix.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const WATCH = '/grpc.health.v1.Health/Watch';
const MESSAGE = encodeFrame(HealthCheckRequest.encode({ service: 'x' }).finish());

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

type Ask = (headers: OutgoingHttpHeaders, body: Buffer) => Promise<Answer>;

/** A server of health alone, and a bare HTTP/2 client. */
async function withServer(run: (ask: Ask, aborted: () => number) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'grpc-'));
  const path = join(directory, 's');
  let aborted = 0;
  const never = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        aborted++;
        reject(signal.reason);
      }),
    );
  const service = bindService<typeof HealthDefinition, unknown>(HealthDefinition, {
    check: async ({ service: name }, { signal }) => (name === 'slow' ? never(signal) : { status: 1 }),
    watch: async function* ({ service: name }, { signal }) {
      yield { status: 1 };
      if (name === 'slow') await never(signal);
    },
  });
  const identify = (credentials: unknown): unknown => credentials;
  const server = await serveUnix({ path, mode: 0o600, log: silentLog, identify, services: [service] });
  const session = connect('http://localhost', { createConnection: () => connectNet({ path }) });
  const ask: Ask = (headers, body) =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', 'content-type': 'application/grpc', ...headers });
      const answer = { headers: {}, trailers: {}, body: Buffer.alloc(0) };
      stream.on('response', (fields) => Object.assign(answer.headers, fields));
      stream.on('trailers', (fields) => Object.assign(answer.trailers, fields));
      stream.on('data', (chunk: Buffer) => {
        answer.body = Buffer.concat([answer.body, chunk]);
      });
      stream.on('error', reject);
      stream.on('end', () => resolve(answer));
      stream.end(body);
    });
  try {
    await run(ask, () => aborted);
  } finally {
    session.destroy();
    await server.close();
    rmSync(directory, { recursive: true });
  }
}

const statusOf = ({ headers, trailers }: Answer): string | undefined =>
  `${trailers['grpc-status'] ?? headers['grpc-status']} ${trailers['hauberk-code'] ?? headers['hauberk-code'] ?? ''}`.trim();

test('a unary call and a stream are answered in frames, with status 0 in the trailers', () =>
  withServer(async (ask) => {
    for (const path of [CHECK, WATCH]) {
      const answer = await ask({ ':path': path }, MESSAGE);
      assert.equal(statusOf(answer), '0');
      assert.deepEqual(HealthCheckResponse.decode(answer.body.subarray(5)), { status: 1 });
    }
  }));

test('what is no gRPC request, or is none of the method, is refused with the status for it and leaves the connection usable', () =>
  withServer(async (ask) => {
    const http = async (headers: OutgoingHttpHeaders) => (await ask(headers, MESSAGE)).headers[':status'];
    assert.equal(await http({ ':path': CHECK, 'content-type': 'application/json' }), 415);
    assert.equal(await http({ ':path': CHECK, 'content-type': 'application/grpcx' }), 415);
    assert.equal(await http({ ':path': CHECK, 'content-type': 'application/grpc+proto' }), 200);
    const status = async (body: Buffer, path = CHECK) => statusOf(await ask({ ':path': path }, body));
    for (const path of ['/grpc.health.v1.Health/List', '/grpc.health.v1.Health', '/', `${CHECK}/`])
      assert.equal(await status(MESSAGE, path), '12');
    const broken = Buffer.from([0, 0, 0, 0, 2, 0x0a, 0x7f]);
    const compressed = Buffer.concat([Buffer.from([1]), MESSAGE.subarray(1)]);
    const huge = Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
    for (const path of [CHECK, WATCH]) {
      assert.equal(await status(Buffer.alloc(0), path), '3 ARGUMENT_INVALID');
      assert.equal(await status(MESSAGE.subarray(0, 4), path), '3 ARGUMENT_INVALID');
      assert.equal(await status(broken, path), '3 ARGUMENT_INVALID');
      assert.equal(await status(compressed, path), '3 ARGUMENT_INVALID');
      assert.equal(await status(huge, path), '8 LIMIT_EXCEEDED');
    }
    assert.equal(await status(MESSAGE), '0');
  }));

test('a deadline ends the call with its status and lets the handler go, before the first answer and after it', () =>
  withServer(async (ask, aborted) => {
    const slow = encodeFrame(HealthCheckRequest.encode({ service: 'slow' }).finish());
    for (const path of [CHECK, WATCH])
      assert.equal(statusOf(await ask({ ':path': path, 'grpc-timeout': '30m' }, slow)), '4 DEADLINE_EXCEEDED');
    assert.equal(aborted(), 2);
  }));

test('grpc-timeout: eight digits and a unit', () => {
  assert.deepEqual(
    ['1H', '2M', '3S', '4m', '5000u', '6000000n'].map(parseGrpcTimeout),
    [3_600_000, 120_000, 3000, 4, 5, 6],
  );
  assert.equal(parseGrpcTimeout('99999999H'), 2 ** 31 - 1);
  for (const bad of [undefined, '', '1', 'S', '123456789S', '-1S', '1s', '1.5S'])
    assert.equal(parseGrpcTimeout(bad), undefined);
});
