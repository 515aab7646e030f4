// Child process: the least that any server over node:http2 does for a request: as many bytes as `--bytes` says, and a status.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFrame } from '#wire';

const directory = mkdtempSync(join(tmpdir(), 'bare-'));
const socket = join(directory, 's');
const message = encodeFrame(Buffer.alloc(Number(process.argv[2] ?? 0)));
const server = createServer();
server.on('stream', (stream: ServerHttp2Stream) => {
  stream.on('error', () => undefined);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(message);
});
server.on('sessionError', () => undefined);
server.listen({ path: socket, backlog: 4096 }, () => process.stdout.write(`${JSON.stringify({ socket })}\n`));
process.stdin.resume().once('end', () => {
  rmSync(directory, { recursive: true });
  process.exit(0);
});
