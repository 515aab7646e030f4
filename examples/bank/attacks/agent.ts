// Speaks gRPC to the agent's socket by hand (HTTP/2, one message, trailers), so that the attacker says exactly what it likes.
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import type { AgentAttack, Seen } from './seen.ts';

const ANSWER_MILLIS = 5000;

export async function askAgent({ method, header, message }: AgentAttack): Promise<Seen> {
  const path = (process.env.SPIFFE_ENDPOINT_SOCKET ?? '').replace(/^unix:\/\//, '');
  const session = connectHttp2('http://localhost', { createConnection: () => connect(path) });
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject);
      const stream = session.request({
        ...{ ':method': 'POST', ':path': method, 'content-type': 'application/grpc', te: 'trailers' },
        ...(header ? { 'workload.spiffe.io': 'true' } : {}),
      });
      stream.setTimeout(ANSWER_MILLIS, () => reject(new Error('no answer')));
      let rows = 0;
      let told: Readonly<Record<string, unknown>> = {};
      stream.on('response', (headers) => {
        told = { ...headers };
      });
      stream.on('trailers', (headers) => {
        told = { ...told, ...headers };
      });
      // A message is an answer: a stream that goes on is not waited for.
      stream.on('data', () => {
        rows++;
        stream.close();
      });
      stream.on('error', reject);
      stream.on('close', () =>
        resolve({ rows, code: told['hauberk-code'], note: `grpc-status ${told['grpc-status']}` }),
      );
      stream.end(frame(Buffer.from(message, 'base64')));
    });
  } finally {
    session.destroy();
  }
}

function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
